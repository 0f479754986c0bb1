// Rows K1 to K8: what happens to a greenlet when the last handle of it goes.

import CSanitizers
import Greenlets
import Testing

struct RowsLastHandleTests {
  struct Boom: Error, Equatable { var number = 1 }
  final class Token {}

  @Test("K1, V4: letting the last handle go ends a suspended greenlet, at once and in order")
  func endsSuspended() throws {
    let diary = Diary()
    let main = Greenlet.main
    weak var watched: Token?
    do {
      let one = Greenlet {
        let token = Token()
        watched = token
        defer { diary.add("outer") }
        do {
          defer { diary.add("inner") }
          try main.switch()
          diary.add("never")
        } catch {
          #expect(type(of: error) == GreenletExit.self)
          withExtendedLifetime(token) {}
          throw error
        }
      }
      try one.switch()
      #expect(watched != nil)
      diary.add("letting go")
    }
    diary.add("went on")
    #expect(diary.lines == ["letting go", "inner", "outer", "went on"])
    #expect(watched == nil, "what its frames held is released")
  }

  @Test("K1: control comes back to who let go, not to the parent")
  func comesBack() throws {
    let diary = Diary()
    let main = Greenlet.main
    let parent = Greenlet("parent") { () -> Void in
      try main.switch()
      diary.add("the parent was continued")
    }
    try parent.switch()
    do {
      let one = Greenlet("one", parent: parent) { try main.switch() }
      try one.switch()
    }
    #expect(diary.lines.isEmpty)
    #expect(parent.state == .suspended)
    #expect(Greenlet.current === main)
    try parent.kill()
  }

  @Test("K2: an unstarted or dead one vanishes; nothing runs")
  func vanishes() throws {
    weak var token: Token?
    weak var handle: Greenlet?
    do {
      let captured = Token()
      let unstarted = Greenlet {
        Issue.record("started")
        withExtendedLifetime(captured) {}
      }
      (token, handle) = (captured, unstarted)
    }
    #expect(token == nil && handle == nil)
    do {
      let dead = Greenlet { 1 }
      try dead.switch()
      handle = dead
    }
    #expect(handle == nil)
  }

  @Test("K3: the end disturbs no error that is on its way to who let go")
  func errorsOnTheirWay() throws {
    func fail() throws {
      let home = Greenlet.current
      let one = Greenlet { try home.switch() }
      try one.switch()
      // The handle goes while this error leaves the function.
      throw Boom(number: 3)
    }
    #expect(throws: Boom(number: 3)) { try fail() }
    let thrower = Greenlet { try fail() }
    #expect(throws: Boom(number: 3)) { try thrower.switch() }
  }

  @Test("K4: an exit is silent, another error is reported once and not thrown")
  func reports() async {
    await #expect(processExitsWith: .success) {
      let main = Greenlet.main
      let diary = Diary()
      EngineCounters.onUnraisable = { diary.add("\($0)") }
      func letGo(of last: any Error) throws {
        let one = Greenlet { do { try main.switch() } catch { throw last } }
        try one.switch()
      }
      class Special: GreenletExit, @unchecked Sendable {}
      try letGo(of: GreenletExit())
      try letGo(of: Special())
      #expect(diary.lines.isEmpty && EngineCounters.unraisable == 0)
      try letGo(of: Boom(number: 4))
      #expect(diary.lines == ["Boom(number: 4)"])
      #expect(EngineCounters.unraisable == 1)
    }
  }

  @Test("K5, P11, V5: one that swallows the exit and keeps itself lives on, with its own parent")
  func survives() throws {
    let main = Greenlet.main
    let kept = Place<Greenlet>()
    let parent = Greenlet("parent") { (text: String) in "parent got " + text }
    var number: UInt64 = 0
    do {
      let one = Greenlet("one", parent: parent) { () -> String in
        do { try main.switch() } catch {
          kept.value = Greenlet.current
          let question: String = try main.switch()
          return question + " answered"
        }
        return "never"
      }
      number = one.id
      try one.switch()
    }
    let one = try #require(kept.value)
    #expect(one.id == number && one.state == .suspended)
    #expect(one.parent === parent)
    #expect(try one.switch("question") as String == "parent got question answered")
    kept.value = nil
  }

  @Test("K5: who lives on is ended again when its new handle goes")
  func survivesOnce() throws {
    let main = Greenlet.main
    let kept = Place<Greenlet>()
    let diary = Diary()
    do {
      let one = Greenlet {
        do { try main.switch() } catch { kept.value = Greenlet.current }
        defer { diary.add("ended") }
        try main.switch()
      }
      try one.switch()
    }
    #expect(diary.lines.isEmpty && kept.value != nil)
    kept.value = nil
    #expect(diary.lines == ["ended"])
  }

  @Test("K6: one that will not end is asked ten times, reported, and its stack is left alone")
  func refuses() async {
    await #expect(processExitsWith: .success) {
      let main = Greenlet.main
      let diary = Diary()
      EngineCounters.onUnraisable = { diary.add("\($0)") }
      var asked = 0
      do {
        let one = Greenlet("stubborn") {
          while true { do { try main.switch() } catch { asked += 1 } }
        }
        try one.switch()
      }
      #expect(asked == EngineCounters.exitTriesMax)
      #expect(EngineCounters.swallowedExits == asked)
      #expect(EngineCounters.quarantined == 1)
      #expect(GreenletCensus.now.quarantined == 1)
      #expect(diary.lines == ["\(GreenletError.exitSwallowed(greenlet: "stubborn"))"])
      #expect(EngineCounters.unraisable == 1)
    }
  }

  @Test("K7: a message is not lost when the sender loses its last handle in the switch")
  func messageOfTheUnheld() throws {
    struct Large: Equatable { var words = [1, 2, 3], more = (1.5, 2.5).0, last = "last" }
    #expect(try relayed(42) == 42)
    #expect(try relayed(Large()) == Large())
  }

  /// A value that comes by way of a greenlet that nobody holds while it sends it on.
  private func relayed<Value>(_ value: Value) throws -> Value {
    let main = Greenlet.main
    let diary = Diary()
    let (worker, initiator) = (Place<Greenlet>(), Place<Greenlet>())
    worker.value = Greenlet("worker") {
      defer { diary.add("ended") }
      let value: Value = try main.switch()
      worker.value = nil
      try initiator.value?.reparent(to: main)
      try main.switch(value)
      diary.add("never")
    }
    try worker.value?.switch()
    let one = Greenlet("initiator", parent: worker.value) { value }
    initiator.value = one
    let reply: Value = try one.switch()
    #expect(diary.lines == ["ended"])
    return reply
  }

  @Test("K7: one that lost its last handle while it ran is ended as soon as it has switched away")
  func unheldInTheSwitch() throws {
    let main = Greenlet.main
    let diary = Diary()
    let (place, relay) = (Place<Greenlet>(), Place<Greenlet>())
    place.value = Greenlet("sender") {
      defer { diary.add("ended") }
      place.value = nil
      // The frame that switched here is the last to hold this greenlet.
      try relay.value?.kill()
      diary.add("runs on")
      try main.switch([7, 8])
      diary.add("never")
    }
    let one = Greenlet("relay") { try place.value?.switch() }
    relay.value = one
    let reply: [Int] = try one.switch()
    #expect(reply == [7, 8])
    #expect(diary.lines == ["runs on", "ended"])
  }

  @Test("K8, P10: a child ends completely before its parent, which ends with its last child")
  func chainInOrder() throws {
    let main = Greenlet.main
    let diary = Diary()
    do {
      var last: Greenlet?
      for name in ["grandparent", "parent", "child"] {
        let next = Greenlet(name, parent: last) {
          defer {
            diary.add("\(name) ended")
            diary.add("after \(name)")
          }
          try main.switch()
        }
        try next.switch()
        last = next
      }
      #expect(diary.lines.isEmpty, "the children hold their parents")
    }
    #expect(
      diary.lines == [
        "child ended", "after child", "parent ended", "after parent", "grandparent ended",
        "after grandparent",
      ])
  }

  @Test("K8: a chain of 100,000 suspended greenlets ends without nesting")
  func chainOfMany() async {
    await #expect(processExitsWith: .success) {
      let main = Greenlet.main
      // ThreadSanitizer knows some eight thousand fibers at a time.
      let count = gb_sanitizer_kind == gb_sanitizer_thread ? 4000 : 100_000
      var ended = 0
      var last: Greenlet? = Greenlet { try main.switch() }
      try last?.switch()
      for _ in 1..<count {
        let next = Greenlet(parent: last) {
          defer { ended += 1 }
          try main.switch()
        }
        try next.switch()
        last = next
      }
      #expect(GreenletCensus.now.suspended == count)
      last = nil
      #expect(ended == count - 1)
      #expect(GreenletCensus.now.suspended == 0)
      #expect(GreenletCensus.now.unstarted == 0)
    }
  }

  @Test("K8: a chain of 100,000 unstarted greenlets vanishes without nesting")
  func chainOfManyUnstarted() {
    weak var first: Greenlet?
    do {
      var last = Greenlet { 1 }
      first = last
      for _ in 1..<100_000 { last = Greenlet(parent: last) { 1 } }
    }
    #expect(first == nil)
  }
}
