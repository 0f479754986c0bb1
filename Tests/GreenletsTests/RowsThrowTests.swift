// Rows T1 to T10: what a throw does to each kind of target, and who gets the error.

import Greenlets
import Testing

struct RowsThrowTests {
  /// A subclass that carries something.
  final class Leave: GreenletExit, @unchecked Sendable {
    // SAFETY (@unchecked Sendable): immutable.
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  /// Suspended in its parent, and returns what is thrown into it.
  private func catcher(_ name: String = "catcher", parent: Greenlet? = nil) throws -> Greenlet {
    let main = Greenlet.current
    let one = Greenlet(name, parent: parent) { () -> String in
      do { try main.switch("ready") } catch { return "caught \(error)" }
      return "normal exit"
    }
    #expect(try one.switch() as String == "ready")
    return one
  }

  @Test("T1: without an argument it is a GreenletExit; otherwise the very error that was given")
  func whatIsThrown() throws {
    let main = Greenlet.current
    for error in [nil, RowError(number: 7), Leave("late")] as [(any Error)?] {
      let this = Greenlet { () throws -> any Error in
        do { try main.switch() } catch { return error }
        return OtherRowError()
      }
      try this.switch()
      let caught: any Error
      if let error { caught = try this.throw(error) } else { caught = try this.throw() }
      switch error {
      case nil: #expect(type(of: caught) == GreenletExit.self)
      case let leave as Leave: #expect(caught as? Leave === leave)
      default: #expect(caught as? RowError == RowError(number: 7))
      }
    }
  }

  @Test("T3: a suspended target's pending switch throws, and it may go on")
  func aSuspendedTarget() throws {
    let main = Greenlet.current
    let one = Greenlet { () throws -> Int in
      var caught = 0
      while caught < 3 {
        do { try main.switch(-caught) } catch let error as RowError { caught += error.number }
      }
      return caught
    }
    #expect(try one.switch() as Int == 0)
    #expect(try one.throw(RowError(number: 2)) as Int == -2)
    #expect(try one.switch() as Int == -2)
    #expect(try one.throw(RowError(number: 1)) as Int == 3)
    #expect(one.state == .dead)
  }

  @Test("T4: thrown into the current greenlet, the error comes out right here")
  func theCurrentTarget() throws {
    #expect(throws: RowError(number: 4)) { try Greenlet.current.throw(RowError(number: 4)) }
    #expect(throws: GreenletExit.self) { try Greenlet.main.throw() }
    let one = Greenlet { () -> String in
      do { try Greenlet.current.throw(RowError(number: 5)) } catch { return "\(error)" }
      return "nothing"
    }
    #expect(try one.switch() as String == "RowError(number: 5)")
  }

  @Test("T5: an unstarted target dies unrun, and its parent gets the error, dying if unstarted")
  func anUnstartedTarget() throws {
    let tokens = RowTokens()
    let never: (RowToken) -> () -> Void = { token in
      { withExtendedLifetime(token) { () -> Void in Issue.record("it ran") } }
    }
    let parent = Greenlet("parent", parent: nil, never(tokens.make()))
    let child = Greenlet("child", parent: parent, never(tokens.make()))
    #expect(throws: RowError(number: 5)) { try child.throw(RowError(number: 5)) }
    #expect(child.state == .dead && parent.state == .dead)
    #expect(tokens.living == 0, "the bodies are let go of unrun")
    let ready = try catcher()
    let second = Greenlet("second", parent: ready, never(tokens.make()))
    #expect(try second.throw(RowError()) as String == "caught RowError(number: 1)")
    #expect(second.state == .dead && ready.state == .dead && tokens.living == 0)
  }

  @Test("T5: an unstarted target without a body refuses, to the caller, and stays as it is")
  func anUnstartedTargetWithoutABody() throws {
    let ready = try catcher()
    let empty = Greenlet("empty", parent: ready)
    #expect(throws: GreenletError.noBody(greenlet: "empty")) { try empty.throw(RowError()) }
    #expect(empty.state == .unstarted && ready.state == .suspended)
  }

  @Test("T5: an exit into an unstarted target is its parent's value")
  func anExitIntoAnUnstartedTarget() throws {
    let leave = Leave("unstarted")
    let one = Greenlet { Issue.record("it ran") }
    let value: GreenletExit = try one.throw(leave)
    #expect(value === leave && one.state == .dead)
  }

  @Test("T6: a dead target stands for its nearest living ancestor")
  func aDeadTarget() throws {
    let ready = try catcher()
    let dead = Greenlet(parent: ready) { 0 }
    let child = Greenlet(parent: dead) { 0 }
    try dead.kill()
    try child.kill()
    #expect(try child.throw(RowError(number: 6)) as String == "caught RowError(number: 6)")
    #expect(ready.state == .dead)
    #expect(throws: RowError(number: 7)) { try child.throw(RowError(number: 7)) }
  }

  @Test("T6: an exit into a dead target is a value for that ancestor, time and again")
  func anExitIntoADeadTarget() throws {
    let one = Greenlet { 0 }
    try one.switch()
    let leave = Leave("dead")
    for _ in 0..<2 {
      let value: GreenletExit = try one.throw(leave)
      #expect(value === leave)
      #expect(type(of: try one.throw() as GreenletExit) == GreenletExit.self)
    }
  }

  @Test("T7: an error goes to the parent at the moment of death, not to who threw")
  func theParentAtTheMomentOfDeath() throws {
    let main = Greenlet.current
    let (first, second) = (try catcher("first"), try catcher("second"))
    let child = Greenlet("child", parent: first) { try main.switch() }
    try child.switch()
    try child.reparent(to: second)
    let thrower = Greenlet("thrower") { try child.throw(RowError()) as String }
    #expect(try thrower.switch() as String == "caught RowError(number: 1)")
    #expect(child.isDead && second.isDead)
    #expect(first.state == .suspended && thrower.state == .suspended)
    #expect(try first.switch() as String == "normal exit")
  }

  @Test("T8: what the body's getter throws, catches and switches does not disturb the error")
  func anErrorSurvivesTheGetter() throws {
    let (log, other) = (RowLog<String>(), try catcher("other"))
    let one = AskedGreenlet("one")
    one.answer = { _ in
      do { throw OtherRowError() } catch { log("\(type(of: error))") }
      do { log(try other.throw(RowError(number: 9))) } catch { Issue.record(error) }
      return GreenletBody { Issue.record("it ran") }
    }
    #expect(throws: RowError(number: 8)) { try one.throw(RowError(number: 8)) }
    #expect(one.state == .dead)
    #expect(log.lines == ["OtherRowError", "caught RowError(number: 9)"])
  }

  @Test("T8: the same on the error's way to an unstarted parent")
  func anErrorSurvivesTheParentsGetter() throws {
    let log = RowLog<String>()
    let parent = AskedGreenlet("parent")
    parent.answer = { _ in
      // Of the dying greenlet, which is current while its parent's body is asked for.
      let inner = Greenlet { () throws -> Void in throw OtherRowError() }
      do { try inner.switch() } catch { log("\(Greenlet.current.name) \(type(of: error))") }
      return GreenletBody { Issue.record("it ran") }
    }
    let child = Greenlet("child", parent: parent) { () throws -> Void in
      throw RowError(number: 8)
    }
    #expect(throws: RowError(number: 8)) { try child.switch() }
    #expect(child.isDead && parent.isDead)
    #expect(log.lines == ["child OtherRowError"])
  }

  @Test("T9: a throw or switch to a greenlet of another thread, or of one that ended, is refused")
  func otherThreads() throws {
    let far = WaitingThread()
    let suspended = try far.run {
      let main = Greenlet.current
      let one = Greenlet("far") { try main.switch() }
      try one.switch()
      return one
    }
    let unstarted = try far.run { Greenlet("far") { 0 } }
    let wrong = GreenletError.wrongThread(greenlet: "far", current: "main")
    for one in [suspended, unstarted] {
      #expect(throws: wrong) { try one.throw(RowError()) }
      #expect(throws: wrong) { try one.throw() }
      #expect(throws: wrong) { try one.switch(1) }
    }
    #expect(suspended.state == .suspended && unstarted.state == .unstarted)
    far.join()
    let ended = GreenletError.threadEnded(greenlet: "far", current: "main")
    #expect(suspended.state == .dead, "it was ended with its thread")
    #expect(unstarted.state == .orphaned)
    for one in [suspended, unstarted] {
      #expect(throws: ended) { try one.throw(RowError()) }
      #expect(throws: ended) { try one.switch(1) }
    }
  }

  enum Target: CaseIterable { case catching, passing, ending, unstarted, dead, deadBelowCatching }

  @Test("T10: a throw is a child of the target that starts and throws", arguments: Target.allCases)
  func aThrowIsAChildThatThrows(target: Target) throws {
    func make() throws -> Greenlet {
      let main = Greenlet.current
      switch target {
      case .catching: return try catcher()
      case .passing:
        let one = Greenlet { try main.switch() }
        try one.switch()
        return one
      case .ending:
        let one = Greenlet { () throws -> Void in
          do { try main.switch() } catch { throw OtherRowError() }
        }
        try one.switch()
        return one
      case .unstarted: return Greenlet { Issue.record("it ran") }
      case .dead, .deadBelowCatching:
        let one = Greenlet(parent: target == .dead ? nil : try catcher()) { 0 }
        try one.kill()
        return one
      }
    }
    func outcome(_ act: (Greenlet) throws -> Any) throws -> [String] {
      let one = try make()
      let result: String
      do { result = "\(try act(one))" } catch { result = "threw \(error)" }
      return [result, "\(one.state)", "\(one.parent?.state ?? .orphaned)"]
    }
    let thrown = try outcome { try $0.throw(RowError(number: 10)) }
    let helped = try outcome { target in
      try Greenlet(parent: target) { () throws -> Void in throw RowError(number: 10) }.switch()
    }
    #expect(thrown == helped)
    #expect(thrown[0].contains(target == .ending ? "OtherRowError" : "number: 10"))
  }
}
