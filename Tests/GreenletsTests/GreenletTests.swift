// What a greenlet promises: any value to anybody, results and errors to the parent.

import Greenlets
import Testing

struct GreenletTests {
  struct Boom: Error, Equatable { var number = 1 }

  @Test func aMessageStartsItAndTheResultGoesToTheParent() throws {
    let adder = Greenlet { (number: Int) in number + 1 }
    #expect(adder.state == .unstarted)
    let sum: Int = try adder.switch(41)
    #expect(sum == 42)
    #expect(adder.state == .dead)
  }

  @Test func messagesOfAnyTypePassBothWays() throws {
    let main = Greenlet.current
    let echo = Greenlet { (first: Int) throws -> [String] in
      let second: String = try main.switch(Double(first))
      let third: (Int, String) = try main.switch(second)
      return [third.1, "\(third.0)"]
    }
    #expect(try echo.switch(2) as Double == 2)
    #expect(try echo.switch("two") as String == "two")
    #expect(try echo.switch((3, "three")) as [String] == ["three", "3"])
  }

  @Test func anyTakesWhateverComes() throws {
    let seven = Greenlet { 7 }
    let reply: Any = try seven.switch()
    #expect(reply as? Int == 7)
  }

  @Test func anUnusedReplyIsDiscarded() throws {
    final class Token {}
    weak var watched: Token?
    let maker = Greenlet { () -> Token in
      let token = Token()
      watched = token
      return token
    }
    try maker.switch()
    #expect(maker.state == .dead)
    #expect(watched == nil)
  }

  @Test func aMismatchIsThrownInTheReceiverAndNamesBothTypes() {
    let number = Greenlet { 7 }
    #expect(
      throws: GreenletError.typeMismatch(receiver: "main", expected: "String", received: "Int")
    ) { let _: String = try number.switch() }
  }

  @Test func aWrongFirstMessageKillsTheBodyAndTellsItsParent() {
    let number = Greenlet("number") { (number: Int) in number }
    #expect(
      throws: GreenletError.typeMismatch(receiver: "number", expected: "Int", received: "String")
    ) { let _: Int = try number.switch("seven") }
    #expect(number.state == .dead)
  }

  @Test func currentIsTheVeryObject() throws {
    var seen: Greenlet?
    let one = Greenlet { seen = Greenlet.current }
    try one.switch()
    #expect(seen === one)
    #expect(Greenlet.current === Greenlet.main)
  }

  @Test func whatTheBodyThrowsGoesToTheParentNotToTheSwitcher() throws {
    let main = Greenlet.current
    let parent = Greenlet("parent") { () -> String in
      do {
        try main.switch()
        return "nothing"
      } catch { return "parent saw \(error)" }
    }
    try parent.switch()
    let child = Greenlet("child", parent: parent) { () throws -> Int in throw Boom() }
    let reply: String = try child.switch()
    #expect(reply == "parent saw Boom(number: 1)")
  }

  @Test func aThrowArrivesAtThePendingSwitch() throws {
    let main = Greenlet.current
    let catcher = Greenlet { () -> Int in
      do { try main.switch() } catch let boom as Boom { return boom.number }
      return 0
    }
    try catcher.switch()
    #expect(try catcher.throw(Boom(number: 5)) as Int == 5)
  }

  @Test func aThrowIntoAnUnstartedOneKillsItUnrun() {
    let never = Greenlet { Issue.record("started") }
    #expect(throws: Boom.self) { try never.throw(Boom()) }
    #expect(never.state == .dead)
  }

  @Test func anExitIsDeliveredToTheParentAsAValue() throws {
    let main = Greenlet.current
    let worker = Greenlet { try main.switch() }
    try worker.switch()
    let exit: GreenletExit = try worker.throw()
    #expect(type(of: exit) == GreenletExit.self)
    #expect(worker.state == .dead)
  }

  @Test func aSwitchToADeadOneReachesItsNearestLivingAncestor() throws {
    let dead = Greenlet { () }
    try dead.switch()
    #expect(try dead.switch(9) as Int == 9, "the ancestor is the caller, who gets its own message")
  }

  @Test func aDeadOneStartsItsUnstartedParent() throws {
    let parent = Greenlet { (number: Int) in number * 2 }
    let child = Greenlet(parent: parent) { 21 }
    #expect(try child.switch() as Int == 42)
  }

  @Test func lettingGoOfASuspendedOneRunsItsDefers() throws {
    final class Log { var lines: [String] = [] }
    let log = Log()
    let main = Greenlet.current
    do {
      let worker = Greenlet {
        defer { log.lines.append("defer") }
        try main.switch()
        log.lines.append("never")
      }
      try worker.switch()
    }
    #expect(log.lines == ["defer"])
  }

  @Test func anErrorAfterLettingGoIsCountedNotThrown() throws {
    let before = EngineCounters.unraisable
    let main = Greenlet.current
    do {
      let worker = Greenlet { do { try main.switch() } catch { throw Boom() } }
      try worker.switch()
    }
    #expect(EngineCounters.unraisable > before)
  }

  @Test func aKillInTheMiddleOfADeathDisturbsNeither() throws {
    final class Log { var lines: [String] = [] }
    final class Holder { var held: Greenlet? }
    let log = Log()
    let main = Greenlet.current
    let dying: Greenlet
    do {
      // Only the dying body's captures hold the other one.
      let holder = Holder()
      holder.held = Greenlet("held") {
        defer { log.lines.append("ended") }
        try main.switch()
      }
      try holder.held?.switch()
      dying = Greenlet("dying") { () -> String in holder.held == nil ? "nothing" : "result" }
    }
    #expect(try dying.switch() as String == "result")
    #expect(log.lines == ["ended"])
    #expect(Greenlet.current.state == .running)
  }

  @Test func reparentingTakesEffectAtDeathAndRefusesACycle() throws {
    let main = Greenlet.current
    let parent = Greenlet { (number: Int) in number + 1 }
    let child = Greenlet("child") { () throws -> Int in
      try main.switch()
      return 1
    }
    try child.switch()
    try child.reparent(to: parent)
    #expect(child.parent === parent)
    #expect(throws: GreenletError.cyclicParent(greenlet: "greenlet", parent: "child")) {
      try parent.reparent(to: child)
    }
    #expect(throws: GreenletError.mainHasNoParent) { try Greenlet.main.reparent(to: child) }
    #expect(try child.switch() as Int == 2)
  }

  @Test func aChainOfFiveHundredPassesItsResultHome() throws {
    var last = Greenlet { (number: Int) in number + 1 }
    for _ in 0..<500 { last = Greenlet(parent: last) { (number: Int) in number + 1 } }
    #expect(try last.switch(0) as Int == 501)
  }
}
