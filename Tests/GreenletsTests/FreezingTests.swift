// Freezing: frames in a block, pages returned, the same addresses when they thaw, who may be frozen.

import Greenlets
import Stacks
import Testing

struct FreezingTests {
  /// A greenlet on a stack of its own that gives each message back with one more, from some frames deep.
  static func make(_ pool: StackPool, depth: Int = 3) -> Greenlet {
    let main = Greenlet.main
    return Greenlet("frozen", stacks: .pool(pool)) { (first: Int) in
      try deep(depth, first, main)
    }
  }

  @inline(never) static func deep(_ depth: Int, _ first: Int, _ main: Greenlet) throws -> Int {
    var number = first
    let place = unsafe withUnsafeMutablePointer(to: &number) { UInt(bitPattern: $0) }
    defer {
      let now = unsafe withUnsafeMutablePointer(to: &number) { UInt(bitPattern: $0) }
      #expect(place == now)
    }
    if depth > 0 { return try deep(depth - 1, first, main) }
    while number >= 0 { number = try main.switch(number + 1) }
    return number
  }

  @Test func aFrozenGreenletGoesOnWhereItWas() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    let one = Self.make(pool)
    #expect(try one.switch(1) as Int == 2)
    let before = one.backtrace()
    let kept = try one.freeze()
    #expect(one.isFrozen && kept.bytes > 100 && kept < .kibibytes(48))
    #expect(pool.counters.frozen == 1 && pool.counters.thawed == 0)
    #expect(one.state == .suspended && one.backtrace() == before && one.highWaterMark == nil)
    #expect(try one.freeze() == ByteCount(0), "it is frozen already")
    #expect(try one.switch(5) as Int == 6)
    #expect(!one.isFrozen && pool.counters.thawed == 1)
    for number in 0..<100 {
      try one.freeze()
      #expect(try one.switch(number) as Int == number + 1)
    }
    try one.freeze()
    #expect(try one.switch(-1) as Int == -1)
    #expect(one.state == .dead && pool.lentCount == 0)
  }

  @Test func itsPagesAreReturned() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    let one = Self.make(pool)
    _ = try one.switch(1) as Int
    #expect(try #require(one.highWaterMark) > ByteCount(100))
    try one.freeze()
    _ = try one.switch(1) as Int
    // What lay below its frames is zero now, so the mark is that of the frames.
    let mark = try #require(one.highWaterMark)
    #expect(mark < .kibibytes(48))
    _ = try one.switch(-1) as Int
  }

  @Test func aFrozenGreenletDiesAsAnyOther() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    var cleaned = 0
    let main = Greenlet.main
    func suspended() throws -> Greenlet {
      let one = Greenlet(stacks: .pool(pool)) {
        defer { cleaned += 1 }
        try main.switch()
      }
      try one.switch()
      try one.freeze()
      return one
    }
    let killed = try suspended()
    try killed.kill()
    #expect(cleaned == 1)
    let thrown = try suspended()
    #expect(throws: GreenletTests.Boom.self) { try thrown.throw(GreenletTests.Boom()) }
    #expect(cleaned == 2)
    do { _ = try suspended() }
    #expect(cleaned == 3 && pool.lentCount == 0)
  }

  @Test func aFrozenParentGetsItsChildsResult() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    let main = Greenlet.main
    let parent = Greenlet("parent", stacks: .pool(pool)) { () throws -> Int in
      let result: Int = try main.switch()
      return result * 2
    }
    try parent.switch()
    let child = Greenlet("child", parent: parent) { 21 }
    try parent.freeze()
    #expect(try child.switch() as Int == 42)
  }

  @Test func someCannotBeFrozen() throws {
    let main = Greenlet.main
    #expect(throws: GreenletError.notOnItsStack(greenlet: "main")) { try main.freeze() }
    let selfish = Greenlet("selfish", stacks: .dedicated(size: .kibibytes(64))) {
      try Greenlet.current.freeze()
    }
    #expect(throws: GreenletError.notOnItsStack(greenlet: "selfish")) { try selfish.switch() }
    let pool = StackPool(stackSize: .kibibytes(64))
    let inside = Greenlet("inside", stacks: .pool(pool)) { (_: Void) throws -> Int in
      let coroutine = try Coroutine<Int, Int>(on: pool) { _, _ in try main.switch() as Int }
      return try coroutine.resume(1).value
    }
    try inside.switch()
    #expect(throws: GreenletError.notOnItsStack(greenlet: "inside")) { try inside.freeze() }
    #expect(try inside.switch(3) as Int == 3)
    let unstarted = Greenlet { 1 }
    #expect(try unstarted.freeze() == ByteCount(0))
  }

  @Test func whatTheSystemRefusesLeavesTheGreenletAsItWas() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    let one = Self.make(pool)
    _ = try one.switch(1) as Int
    pool.failingCall = 1
    #expect(throws: GreenletError.self) { try one.freeze() }
    #expect(!one.isFrozen)
    #expect(try one.switch(7) as Int == 8)
    #expect(try one.switch(-1) as Int == -1)
  }

  @Test func onlyTheIdleAreSwept() throws {
    try JoinedThread.value {
      let pool = StackPool(stackSize: .kibibytes(64))
      let all = (0..<10).map { _ in Self.make(pool) }
      for one in all { _ = try one.switch(1) as Int }
      #expect(Greenlet.freezeIdle().greenlets == 0, "the first sweep marks")
      for one in all[..<4] { _ = try one.switch(1) as Int }
      let swept = Greenlet.freezeIdle()
      #expect(swept.greenlets == 6 && swept.bytes.bytes > 600)
      #expect(all.map(\.isFrozen) == (0..<10).map { $0 >= 4 })
      #expect(Greenlet.freezeIdle().greenlets == 4)
      for one in all { #expect(try one.switch(-1) as Int == -1) }
    }
  }

  @Test func aPolicySweepsWhenStacksAreMade() throws {
    try JoinedThread.value {
      let pool = StackPool(stackSize: .kibibytes(64))
      Greenlet.freezing = FreezePolicy(idleNanoseconds: 0)
      let all = (0..<10).map { _ in Self.make(pool) }
      for one in all { _ = try one.switch(1) as Int }
      #expect(all.filter(\.isFrozen).count >= 8, "each new stack is a sweep")
      Greenlet.freezing = FreezePolicy(
        idleNanoseconds: 0, whenResidentExceeds: .mebibytes(1 << 20))
      for one in all { _ = try one.switch(1) as Int }
      let others = (0..<5).map { _ in Self.make(pool) }
      for one in others { _ = try one.switch(1) as Int }
      #expect(all.allSatisfy { !$0.isFrozen }, "there is no terabyte of pressure")
      for one in all + others { _ = try one.switch(-1) as Int }
    }
  }

  @Test func trimmedCoresAreMadeAgain() throws {
    try JoinedThread.value {
      for _ in 0..<3 {
        var all = (0..<20_000).map { _ in Greenlet { (number: Int) in number } }
        for one in all { _ = try one.switch(1) as Int }
        all = []
        try Greenlet.trim()
      }
    }
  }
}
