// Slices: one shared stack, copies of what is in the way and of nothing else, refusals.

import CSanitizers
import Greenlets
import Stacks
import Testing

struct SliceTests {
  /// Suspends itself so many frames deep, each with a canary.
  @inline(never) static func dive(_ depth: Int, _ key: Int, _ main: Greenlet) throws -> Int {
    var canary = (key, depth, ~key)
    let below = try unsafe withUnsafeMutablePointer(to: &canary) { place -> Int in
      #expect(unsafe Greenlet.isOnSharedStack(place))
      return depth == 0 ? try main.switch(key) : try dive(depth - 1, key, main)
    }
    #expect(canary.0 == key && canary.1 == depth && canary.2 == ~key, "a frame was overwritten")
    return below + 1
  }

  @Test func framesComeBackToTheSamePlaces() throws {
    try JoinedThread.value {
      let main = Greenlet.main
      let all = (0..<20).map { key in
        Greenlet("diver \(key)", stacks: .sliced) { (depth: Int) in
          try Self.dive(depth, key, main)
        }
      }
      for (key, one) in all.enumerated() {
        let reply: Int = try one.switch(key * 7 % 20)
        #expect(reply == key)
      }
      #expect(Greenlet.sliceCounters.heldBytes > 0)
      for (key, one) in all.enumerated().reversed() {
        let depth: Int = try one.switch(100)
        #expect(depth == 100 + key * 7 % 20 + 1)
      }
      #expect(Greenlet.sliceCounters.heldBytes == 0)
    }
  }

  @Test func onlyWhatIsInTheWayIsCopied() throws {
    try JoinedThread.value {
      let main = Greenlet.main
      func make() -> Greenlet {
        Greenlet(stacks: .sliced) { (first: Int) in try main.switch(first) as Int }
      }
      let (one, other) = (make(), make())
      _ = try one.switch(1) as Int
      #expect(Greenlet.sliceCounters.savedBytes == 0, "nobody is in the way of the first")
      _ = try other.switch(2) as Int
      let size = Greenlet.sliceCounters.savedBytes
      #expect(size > 0 && size < 16_384 && Greenlet.sliceCounters.heldBytes == size)
      // Main is not on the shared stack: to and fro copies nothing.
      _ = try other.switch(3) as Int
      #expect(Greenlet.sliceCounters.savedBytes == size)
      #expect(Greenlet.sliceCounters.restoredBytes == 0)
      _ = try one.switch(4) as Int
      #expect(Greenlet.sliceCounters.restoredBytes == size)
      #expect(Greenlet.sliceCounters.heldBytes == 0)
    }
  }

  @Test func aGreenletThatASlicedOneStartsLeavesItInPlace() throws {
    try JoinedThread.value {
      let main = Greenlet.main
      let inner = Greenlet(stacks: .sliced) { (first: Int) in try main.switch(first + 1) as Int }
      let outer = Greenlet(stacks: .sliced) { (first: Int) in
        try inner.switch(first + 1) as Int
      }
      let first: Int = try outer.switch(1)
      #expect(first == 3)
      #expect(Greenlet.sliceCounters.savedBytes == 0, "the inner one lies below the outer one")
      // The outer one runs again: the inner one may be in its way, and is in part or whole.
      let second: Int = try outer.switch(7)
      let third: Int = try inner.switch(9)
      #expect(second == 7 && third == 9)
      #expect(Greenlet.sliceCounters.heldBytes == 0)
    }
  }

  @Test func aLargeMessageLeavesItsFrameInTime() throws {
    struct Large { var numbers = (1, 2, 3, 4, 5, 6, 7, 8, [9]) }
    let main = Greenlet.main
    let taker = Greenlet("taker", stacks: .sliced) { (first: Large) throws -> Large in
      let second: Large = try main.switch(first)
      return second
    }
    let giver = Greenlet("giver", stacks: .sliced) { (_: Void) throws -> Int in
      let back: Large = try taker.switch(Large())
      return back.numbers.8[0]
    }
    try giver.switch()
    #expect(taker.state == .suspended && giver.state == .suspended)
    let last: Large = try taker.switch(Large(numbers: (0, 0, 0, 0, 0, 0, 0, 0, [42])))
    #expect(last.numbers.8 == [42], "taker's parent is main")
    #expect(try giver.switch(Large()) as Int == 9)
  }

  @Test func aHugeResultIsFreedWithItsReader() throws {
    struct Huge { var rows = [(Int, Int)](repeating: (1, 2), count: 4), pad = Pad() }
    struct Pad { var a = Block(), b = Block(), c = Block(), d = Block() }
    struct Block {
      var w = (
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 7
      )
    }
    #expect(MemoryLayout<Huge>.size > 1024)
    for stacks in [StackStrategy.sliced, .dedicated(size: .kibibytes(64))] {
      let one = Greenlet(stacks: stacks) { Huge() }
      let huge: Huge = try one.switch()
      #expect(huge.rows.count == 4 && huge.pad.d.w.39 == 7)
    }
  }

  @Test func oneThatWaitsInACoroutineCannotBeMovedAway() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    let main = Greenlet.main
    let inside = Greenlet("inside", stacks: .sliced) { (_: Void) throws -> Int in
      let coroutine = try Coroutine<Int, Int>(on: pool) { _, _ in try main.switch() as Int }
      return try coroutine.resume(1).value
    }
    try inside.switch()
    let other = Greenlet("other", stacks: .sliced) { 1 }
    #expect(throws: GreenletError.notOnItsStack(greenlet: "inside")) {
      _ = try other.switch() as Int
    }
    #expect(other.state == .unstarted)
    #expect(try inside.switch(5) as Int == 5)
    #expect(try other.switch() as Int == 1)
  }

  /// A sliced greenlet that waits in a coroutine, above which others cannot be continued.
  static func stuck(_ pool: StackPool) throws -> Greenlet {
    let main = Greenlet.main
    let inside = Greenlet("inside", stacks: .sliced) { (_: Void) throws -> Int in
      let coroutine = try Coroutine<Int, Int>(on: pool) { _, _ in try main.switch() as Int }
      return try coroutine.resume(1).value
    }
    try inside.switch()
    return inside
  }

  @Test func whoCannotGoOnRefusesAnErrorAndAResult() throws {
    try JoinedThread.value {
      let pool = StackPool(stackSize: .kibibytes(64))
      let main = Greenlet.main
      let parent = Greenlet("parent", stacks: .sliced) { (_: Void) throws -> Int in
        try main.switch() as Int
      }
      try parent.switch()
      let inside = try Self.stuck(pool)
      let refusal = GreenletError.notOnItsStack(greenlet: "inside")
      #expect(throws: refusal) { try parent.throw(GreenletTests.Boom()) }
      #expect(parent.state == .suspended)
      // A child's result cannot go to the parent: why not is the next ancestor's.
      let child = Greenlet("child", parent: parent, stacks: .pool(pool)) { 1 }
      #expect(throws: refusal) { try child.switch() }
      #expect(child.state == .dead && parent.state == .suspended)
      _ = try inside.switch(5) as Int
      let last: Int = try parent.switch(7)
      #expect(last == 7)
    }
  }

  @Test func mainIsNobodysNextBody() throws {
    // Cores of a thread that ended become the main greenlets of others.
    @inline(never) func run(_ ways: StackStrategy, _ count: Int) throws {
      for number in 0..<count {
        let one = Greenlet(stacks: ways) { (first: Int) -> Int in first &* 3 }
        let reply: Int = try one.switch(number)
        #expect(reply == number * 3)
      }
    }
    try JoinedThread.value { try run(.dedicated(size: .kibibytes(64)), 640) }
    for _ in 0..<20 { try JoinedThread.value { try run(.sliced, 3) } }
  }

  @Test func whatRanABodyIsNotTouchedWhenItIsGone() throws {
    for strategy in [StackStrategy.sliced, .dedicated(size: .kibibytes(64))] {
      for number in 0..<200 {
        let one = Greenlet("one \(number)", stacks: strategy) { () throws -> Int in number }
        let other = Greenlet(stacks: strategy) { (text: String) throws -> [Int] in [text.count] }
        let reply: Int = try one.switch()
        let list: [Int] = try other.switch("four")
        #expect(reply == number && list == [4] && one.name == "one \(number)")
      }
    }
  }

  @Test func aThreadEndsThoughASliceCannotBeMoved() throws {
    let quarantined = EngineCounters.quarantined
    var (inside, other): (Greenlet?, Greenlet?)
    try JoinedThread.value {
      let pool = StackPool(stackSize: .kibibytes(64))
      let main = Greenlet.main
      other = Greenlet("other", stacks: .sliced) { try main.switch() }
      try other?.switch()
      inside = Greenlet("inside", stacks: .sliced) { (_: Void) throws -> Int in
        let coroutine = try Coroutine<Int, Int>(on: pool) { _, _ in try main.switch() as Int }
        return try coroutine.resume(1).value
      }
      try inside?.switch()
    }
    // The one in the coroutine unwinds first, then nothing is in the other one's way.
    #expect(inside?.state == .dead && other?.state == .dead)
    #expect(EngineCounters.quarantined == quarantined)
  }

  @Test func oneThatCouldNotStartHasNothing() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    try JoinedThread.value {
      let main = Greenlet.main
      let inside = Greenlet("inside", stacks: .sliced) { (_: Void) throws -> Int in
        let coroutine = try Coroutine<Int, Int>(on: pool) { _, _ in try main.switch() as Int }
        return try coroutine.resume(1).value
      }
      try inside.switch()
      for _ in 0..<10 {
        do {
          let refused = Greenlet(stacks: .sliced) { 1 }
          #expect(throws: GreenletError.self) { try refused.switch() }
        }
        // Its core is used again, by one that is frozen.
        let next = FreezingTests.make(pool)
        let two: Int = try next.switch(1)
        try next.freeze()
        let six: Int = try next.switch(5)
        #expect(two == 2 && six == 6)
      }
      _ = try inside.switch(5) as Int
    }
  }

  @Test func aKillUnwindsASliceThatWasCopiedAway() throws {
    let main = Greenlet.main
    var cleaned = 0
    let all = (0..<10).map { _ in
      Greenlet(stacks: .sliced) {
        defer { cleaned += 1 }
        try main.switch()
      }
    }
    for one in all { try one.switch() }
    for one in all { try one.kill() }
    #expect(cleaned == 10 && all.allSatisfy { $0.state == .dead })
  }

  @Test func backtracesOfCopiesAreThoseOfFrames() throws {
    let main = Greenlet.main
    func make() -> Greenlet {
      Greenlet(stacks: .sliced) { (_: Void) in try Self.dive(5, 1, main) }
    }
    let (one, other) = (make(), make())
    try one.switch()
    let inPlace = one.backtrace()
    #expect(inPlace.count > 6)
    try other.switch()
    #expect(Greenlet.sliceCounters.heldBytes > 0)
    #expect(one.backtrace() == inPlace)
    _ = try one.switch(1) as Int
    _ = try other.switch(1) as Int
  }

  @Test func aThreadsChoiceHoldsForItsGreenlets() throws {
    try JoinedThread.value {
      StackStrategy.ofThisThread = .sliced
      let one = Greenlet { (_: Void) -> Bool in
        var here = 0
        return unsafe withUnsafeMutablePointer(to: &here) { unsafe Greenlet.isOnSharedStack($0) }
      }
      #expect(try one.switch() as Bool)
      StackStrategy.ofThisThread = .dedicated(size: .kibibytes(32))
      let other = Greenlet { Greenlet.main }
      _ = try other.switch() as Greenlet
      #expect(StackStrategy.poolsOfThisThread.pool(for: .kibibytes(32)).idleCount == 1)
    }
  }

  @Test(arguments: [0, 1, 2, 3, 17, 64, 65, 191, 192, 193, 1000]) func copiesComeBack(words: Int) {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let place = UnsafeMutablePointer<UInt64>.allocate(capacity: words + 1)
      defer { unsafe place.deallocate() }
      let known = (0..<4).map { _ in UInt64.random(in: 0..<1 << 47, using: &generator) }
      let base = UInt64(UInt(bitPattern: place))
      for index in 0..<words {
        let any = UInt64.random(in: 0...UInt64.max, using: &generator)
        // What frames hold: nothing, small numbers, frames, the same things again, code nearby.
        unsafe place[index] =
          switch index &* 7 % 9 {
          case 0, 1: 0
          case 2: any % 300
          case 3: base &+ any % 66_000
          case 4, 5: known[Int(any % 4)]
          case 6: known[0] &+ any % (1 << 25)
          case 7: any % (1 << 48)
          default: any
          }
      }
      let before = unsafe Array(UnsafeBufferPointer(start: place, count: words))
      let copy = UnsafeMutablePointer<UInt64>.allocate(capacity: gb_packed_most(words) + 1)
      defer { unsafe copy.deallocate() }
      let used = unsafe gb_pack_frames(copy, place, words)
      #expect(unsafe used <= gb_packed_most(words) && used == gb_copied_words(copy, words))
      for index in 0..<words where index % 5 == 0 {
        unsafe #expect(gb_packed_word(copy, words, index, UInt(base)) == before[index])
      }
      unsafe place.update(repeating: 0xaaaa, count: words)
      #expect(unsafe gb_unpack_frames(place, copy, words) == used)
      unsafe #expect(Array(UnsafeBufferPointer(start: place, count: words)) == before)
    }
  }
}
