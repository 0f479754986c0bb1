// Rows M: who is current and main, what state a greenlet is in, how it is told from others.

import Greenlets
import Testing

struct RowsStateTests {
  @Test("M1: each thread gets a main greenlet of its own on its first use")
  func mainOfEachThread() throws {
    let here = Greenlet.main
    #expect(Greenlet.current === here)
    var seen: [UInt64] = []
    let thread = JoinedThread()
    for _ in 0..<2 {
      thread.run {
        #expect(Greenlet.current === Greenlet.main)
        #expect(Greenlet.main.description.contains(", running, main)"))
        seen.append(Greenlet.main.id)
      }
    }
    thread.end()
    #expect(seen.count == 2 && seen[0] == seen[1])
    #expect(seen[0] != here.id)
    #expect(Greenlet.main === here)
  }

  @Test("M1, H8: the number of main greenlets is that of the threads that use greenlets")
  func mainsAreCounted() async {
    await #expect(processExitsWith: .success) {
      let before = EngineCounters.mainGreenlets
      let (one, two) = (JoinedThread(), JoinedThread())
      #expect(EngineCounters.mainGreenlets == before, "no thread has used a greenlet yet")
      one.run { _ = Greenlet.current }
      two.run { _ = Greenlet { 1 } }
      #expect(EngineCounters.mainGreenlets == before + 2)
      one.end()
      #expect(EngineCounters.mainGreenlets == before + 1)
      two.end()
      #expect(EngineCounters.mainGreenlets == before)
    }
  }

  @Test("M2: current is the very object, whatever its class")
  func currentIsTheObject() throws {
    final class Named: Greenlet { let number = 7 }
    let seen = Place<Greenlet>()
    let named = Named { seen.value = Greenlet.current }
    try named.switch()
    #expect(seen.value === named)
    #expect((seen.value as? Named)?.number == 7)
  }

  @Test(
    "M3, K10: looking at current, making a greenlet, draining, switching end what was let go of",
    arguments: ["current", "make", "drain", "switch"])
  func maintenance(way: String) throws {
    let diary = Diary()
    let held = Place<Greenlet>()
    try leaveSuspended(in: held, diary)
    JoinedThread.run { held.value = nil }
    #expect(diary.lines.isEmpty, "another thread cannot unwind it")
    switch way {
    case "current": _ = Greenlet.current
    case "make": _ = Greenlet { 1 }
    case "drain": Greenlet.drain()
    default: try Greenlet.main.switch()
    }
    #expect(diary.lines == ["ended"])
  }

  /// Suspends a greenlet that only `place` holds.
  private func leaveSuspended(in place: Place<Greenlet>, _ diary: Diary) throws {
    let main = Greenlet.main
    let one = Greenlet {
      defer { diary.add("ended") }
      try main.switch()
    }
    try one.switch()
    place.value = one
  }

  @Test("M4: main is active as long as its thread, of the plain class, and does not end")
  func mainIsAlwaysActive() throws {
    let main = Greenlet.main
    #expect(main.isActive && !main.isDead)
    #expect(type(of: main) == Greenlet.self)
    #expect(throws: GreenletExit.self) { try main.kill() }
    #expect(throws: GreenletExit.self) { try main.throw() }
    #expect(main.state == .running)
    var seen: Greenlet.State?
    let other = Greenlet { seen = main.state }
    try other.switch()
    #expect(seen == .suspended, "suspended is active, too")
  }

  @Test("M4: main refuses a body")
  func mainRefusesABody() {
    #expect(throws: GreenletError.mainHasNoBody) { try Greenlet.main.setBody { 1 as Int } }
    #expect(throws: GreenletError.mainHasNoBody) { try Greenlet.main.removeBody() }
  }

  @Test("M5: unstarted, running, suspended, dead; active is the middle two")
  func states() throws {
    let main = Greenlet.main
    var own: [Greenlet.State] = []
    let one = Greenlet { () throws -> Void in
      own.append(Greenlet.current.state)
      try main.switch()
    }
    #expect(one.state == .unstarted && !one.isActive && !one.isDead)
    try one.switch()
    #expect(one.state == .suspended && one.isActive && !one.isDead)
    try one.switch()
    #expect(one.state == .dead && !one.isActive && one.isDead)
    #expect(own == [.running])
  }

  @Test("M6: a description says class, name, number and state, the same each time")
  func descriptions() throws {
    final class Special: Greenlet {}
    let main = Greenlet.main
    let one = Special("one") {
      #expect(Greenlet.current.description.hasSuffix(", running)"))
      try main.switch()
    }
    #expect(one.description == "Special \"one\" (number \(one.id), unstarted)")
    try one.switch()
    #expect(one.description == "Special \"one\" (number \(one.id), suspended)")
    #expect("\(one)" == one.description)
    try one.switch()
    #expect(one.description == "Special \"one\" (number \(one.id), dead)")
    #expect(main.description == "Greenlet \"main\" (number \(main.id), running, main)")
  }

  @Test("M6, H2: a description says that the thread has ended")
  func descriptionAfterTheThread() throws {
    let (main, unstarted) = (Place<Greenlet>(), Place<Greenlet>())
    JoinedThread.run {
      main.value = Greenlet.main
      unstarted.value = Greenlet("late") { 1 }
    }
    let (ended, late) = (try #require(main.value), try #require(unstarted.value))
    #expect(ended.description == "Greenlet \"main\" (number \(ended.id), orphaned, main)")
    #expect(late.description == "Greenlet \"late\" (number \(late.id), orphaned)")
  }

  @Test("M8: a greenlet is equal to itself alone")
  func identity() throws {
    let (one, two) = (Greenlet("same") { 1 }, Greenlet("same") { 1 })
    #expect(one == one && one != two)
    #expect(one.id != two.id)
    #expect(Set([one, two, one]).count == 2)
    let hash = one.hashValue
    try one.switch()
    #expect(one.hashValue == hash, "its life does not change who it is")
  }

  @Test("M9: what a greenlet carries is typed: a local's value, or a subclass's property")
  func attributes() throws {
    final class Counting: Greenlet { var count = 0 }
    let label = GreenletLocal("none")
    let main = Greenlet.main
    let one = Counting {
      label.value = "one"
      (Greenlet.current as? Counting)?.count += 1
      try main.switch()
      #expect(label.value == "one")
    }
    let two = Counting { #expect(label.value == "none") }
    try one.switch()
    try two.switch()
    #expect(try one.locals()[label] == "one")
    #expect(try two.locals()[label] == nil)
    #expect(label.value == "none", "main has none of its own")
    #expect(one.count == 1 && two.count == 0)
    try one.switch()
  }
}
