// Rows D1 to D11: who gets what when a body is over, and what is left of the greenlet.

import Greenlets
import Stacks
import Testing

struct RowsDeathTests {
  /// A subclass that carries something.
  final class Leave: GreenletExit, @unchecked Sendable {
    // SAFETY (@unchecked Sendable): immutable.
    let number: Int
    init(_ number: Int) { self.number = number }
  }

  /// Too large for a word.
  struct Large: Equatable { var name = "large", numbers = [1, 2, 3], last = 4.5 }

  @Test("D1: a result goes to the parent's pending switch, at any depth")
  func aResultGoesToTheParent() throws {
    let log = RowLog<String>()
    let outer = Greenlet { () throws -> String in
      log("a")
      let this = Greenlet.current
      let inner = Greenlet { () throws -> String in
        log("b")
        try this.switch()
        return "inner is over"
      }
      try inner.switch()
      log("c")
      return try inner.switch()
    }
    #expect(try outer.switch() as String == "inner is over")
    #expect(log.lines == ["a", "b", "c"])
    #expect(outer.state == .dead)
  }

  @Test("D1: a parent that never ran is started with the result, whatever its size")
  func aResultStartsTheParent() throws {
    let parent = Greenlet { (large: Large) in Large(name: large.name + "r") }
    let child = Greenlet(parent: parent) { Large() }
    #expect(try child.switch() as Large == Large(name: "larger"))
    #expect(child.isDead && parent.isDead)
  }

  @Test("D2: an error is thrown from the parent's pending switch")
  func anErrorGoesToTheParent() throws {
    let outer = Greenlet { () throws -> String in
      let inner = Greenlet { () throws -> Int in throw RowError(number: 2) }
      do { try inner.switch() } catch { return "\(error), and it is \(inner.state)" }
      return "nothing"
    }
    #expect(try outer.switch() as String == "RowError(number: 2), and it is dead")
  }

  @Test("D2: unstarted parents die of it unrun, up to the first that catches it")
  func anErrorKillsUnstartedParents() throws {
    let main = Greenlet.current
    let catcher = Greenlet { () -> String in
      do { try main.switch() } catch { return "caught \(error)" }
      return "nothing"
    }
    try catcher.switch()
    var chain = [catcher]
    for _ in 0..<10 {
      chain.append(Greenlet(parent: chain.last) { Issue.record("it ran") })
    }
    let child = Greenlet(parent: chain.last) { () throws -> Void in throw RowError() }
    #expect(try child.switch() as String == "caught RowError(number: 1)")
    #expect(chain.allSatisfy { $0.state == .dead })
  }

  @Test("D3: an exit that leaves a body is its result: the very object, of a subclass, too")
  func anExitIsAResult() throws {
    for exit in [GreenletExit(), Leave(3)] {
      let raiser = Greenlet { () throws -> Int in throw exit }
      let value: GreenletExit = try raiser.switch()
      #expect(value === exit && raiser.state == .dead)
    }
    let main = Greenlet.current
    let thrown = Greenlet { try main.switch() }
    try thrown.switch()
    let value: GreenletExit = try thrown.throw(Leave(4))
    #expect((value as? Leave)?.number == 4)
  }

  @Test("D4: who catches its exit and returns, returns; who throws something else, throws that")
  func aCaughtExit() throws {
    let main = Greenlet.current
    let returning = Greenlet { () throws -> String in
      do { try main.switch() } catch is GreenletExit {}
      return "returned"
    }
    try returning.switch()
    #expect(try returning.throw() as String == "returned")
    let throwing = Greenlet {
      do { try main.switch() } catch is GreenletExit { throw RowError(number: 4) }
    }
    try throwing.switch()
    #expect(throws: RowError(number: 4)) { try throwing.throw() }
    #expect(returning.isDead && throwing.isDead)
  }

  @Test(
    "D5: why a parent cannot start is thrown from the next ancestor; the parent stays unstarted")
  func aParentThatCannotStart() throws {
    let main = Greenlet.current
    let grandparent = Greenlet { () -> String in
      do { try main.switch() } catch { return "\(error)" }
      return "nothing"
    }
    try grandparent.switch()
    let parent = Greenlet("parent", parent: grandparent)
    let tokens = RowTokens()
    let child = Greenlet(parent: parent) { tokens.make() }
    let refused = GreenletError.noBody(greenlet: "parent")
    #expect(try child.switch() as String == "\(refused)")
    #expect(child.isDead && grandparent.isDead && parent.state == .unstarted)
    #expect(tokens.living == 0, "nobody got the result")
    // An error and an exit fare as a result does.
    let failing = Greenlet(parent: parent) { () throws -> Int in throw RowError() }
    #expect(throws: refused) { try failing.switch() }
    let exiting = Greenlet(parent: parent) { () throws -> Int in throw GreenletExit() }
    #expect(throws: refused) { try exiting.switch() }
    #expect(failing.isDead && exiting.isDead && parent.state == .unstarted)
    try parent.setBody { (number: Int) in number + 1 }
    #expect(try parent.switch(1) as Int == 2)
  }

  @Test("D5: several ancestors that cannot start are passed over, one after the other")
  func ancestorsThatCannotStart() throws {
    let log = RowLog<String>()
    let first = AskedGreenlet("first")
    let second = AskedGreenlet("second", parent: first)
    for one in [first, second] {
      one.answer = { this in
        log(this.name)
        return nil
      }
    }
    let child = Greenlet(parent: second) { 5 }
    #expect(throws: GreenletError.noBody(greenlet: "first")) { try child.switch() }
    #expect(log.lines == ["second", "first"], "each was asked once")
    #expect(first.state == .unstarted && second.state == .unstarted)
  }

  @Test("D5: a parent without a stack is tried again by the next switch")
  func aParentWithoutAStack() throws {
    let parent = Greenlet("parent") { (number: Int) in number + 1 }
    let child = Greenlet(parent: parent) { () -> Int in
      GreenletFaults.ofThisThread.failingStack = 1
      return 6
    }
    defer { GreenletFaults.ofThisThread = GreenletFaults() }
    #expect(
      throws: GreenletError.noStack(greenlet: "parent", reason: "an injected fault")
    ) { try child.switch() }
    #expect(child.isDead && parent.state == .unstarted)
    #expect(try child.switch(6) as Int == 7)
  }

  @Test("D6: an error without an ancestor of the thread ends the process, and says so")
  func nobodyIsLeft() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let far = WaitingThread()
      let farMain = try far.run { Greenlet.main }
      // The parent moves away while the child runs here: no living greenlet of here is left to it.
      let parent = Greenlet("parent") { (_: Int) in }
      let child = Greenlet("child", parent: parent) { () throws -> Int in
        try parent.reparent(to: farMain)
        return 1
      }
      try child.switch()
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("nobody is left who could take the error"))
    #expect(text.contains("parent belongs to another thread than child"))
  }

  @Test("D6: otherwise main is the last ancestor: what nobody catches is thrown there")
  func mainIsTheLastAncestor() throws {
    var last = Greenlet.main
    for _ in 0..<100 { last = Greenlet(parent: last) { Issue.record("it ran") } }
    let child = Greenlet(parent: last) { () throws -> Void in throw RowError(number: 6) }
    #expect(throws: RowError(number: 6)) { try child.switch() }
    #expect(last.isDead)
  }

  @Test("D7: captures and message are let go of before the parent goes on")
  func nothingIsKeptAtTheEnd() throws {
    let tokens = RowTokens()
    func make(parent: Greenlet?, fails: Bool) -> Greenlet {
      let token = tokens.make()
      return Greenlet(parent: parent) { (message: RowToken) throws -> Int in
        #expect(tokens.living == 2)
        return try withExtendedLifetime((token, message)) {
          if fails { throw RowError() }
          return 7
        }
      }
    }
    let parent = Greenlet { (result: Int) in (result, tokens.living) }
    let child = make(parent: parent, fails: false)
    let (result, living): (Int, Int) = try child.switch(tokens.make())
    #expect(result == 7 && living == 0)
    let failing = make(parent: nil, fails: true)
    do { try failing.switch(tokens.make()) } catch { #expect(tokens.living == 0) }
    #expect(child.isDead && failing.isDead && tokens.living == 0)
  }

  @Test("D8: a dead greenlet keeps parent, name and locals; its stack is back and has no frames")
  func whatADeadGreenletKeeps() throws {
    let pool = StackPool(stackSize: .kibibytes(64), limit: 1)
    let main = Greenlet.current
    let local = GreenletLocal("none")
    let parent = Greenlet("parent") { (number: Int) in number }
    let one = Greenlet("one", parent: parent, stacks: .pool(pool)) { () throws -> Int in
      local.value = "kept"
      try main.switch()
      return 8
    }
    try one.switch()
    #expect(pool.lentCount == 1 && !one.backtrace().isEmpty)
    #expect(try one.switch() as Int == 8)
    #expect(one.parent === parent && one.name == "one")
    #expect(try one.locals()[local] == "kept")
    #expect(one.backtrace().isEmpty)
    #expect(pool.lentCount == 0 && pool.idleCount == 1)
  }

  @Test("D9: the stack of who died is the next one's, and results that lay on it arrive whole")
  func theStackIsTheNextOnes() throws {
    let pool = StackPool(stackSize: .kibibytes(64), limit: 1)
    for number in 0..<100 {
      let one = Greenlet(stacks: .pool(pool)) { () throws -> Large in
        if number % 3 == 2 { throw RowError(number: number) }
        return Large(last: Double(number))
      }
      do { #expect(try one.switch() as Large == Large(last: Double(number))) } catch {
        #expect(error as? RowError == RowError(number: number))
      }
      #expect(one.isDead)
    }
    #expect(pool.lentCount == 0 && pool.idleCount == 1)
  }

  @Test("D10: an exit starts an unstarted parent with the exit as its value")
  func anExitStartsTheParent() throws {
    let leave = Leave(10)
    let parent = Greenlet { (exit: GreenletExit) in (exit as? Leave, exit === leave) }
    let child = Greenlet(parent: parent) { () throws -> Int in throw leave }
    let (value, isTheSame): (Leave?, Bool) = try child.switch()
    #expect(value?.number == 10 && isTheSame)
    #expect(child.isDead && parent.isDead)
  }

  @Test("D10: a parent whose body takes something else is told of the mismatch, and dies")
  func anExitIsNotTheParentsType() throws {
    let parent = Greenlet("parent") { (_: Int) in Issue.record("it ran") }
    let child = Greenlet(parent: parent) { () throws -> Int in throw Leave(10) }
    #expect(
      throws: GreenletError.typeMismatch(
        receiver: "parent", expected: "Int", received: "GreenletExit")
    ) { try child.switch() }
    #expect(parent.isDead)
  }

  @Test("D11: every catch takes an exit, so a kill asks again, and then says who would not die")
  func aSwallowedExit() throws {
    let before = EngineCounters.swallowedExits
    let main = Greenlet.current
    let log = RowLog<Int>()
    let one = Greenlet("stubborn") { () -> String in
      while log.lines.count < 5 {
        do { try main.switch() } catch { log(log.lines.count) }
      }
      return "gave up"
    }
    try one.switch()
    #expect(throws: GreenletError.exitSwallowed(greenlet: "stubborn")) { try one.kill(tries: 3) }
    #expect(log.lines == [0, 1, 2])
    #expect(EngineCounters.swallowedExits >= before + 3)
    #expect(one.state == .suspended, "it can be used, and killed, again")
    try one.switch()
    try one.kill()
    #expect(log.lines == [0, 1, 2, 3, 4] && one.state == .dead)
    let optional = Greenlet { () -> String in (try? main.switch() as String) ?? "nothing" }
    try optional.switch()
    #expect(try optional.throw() as String == "nothing")
  }

  @Test("D11: one that swallows for good and is held by nobody is left alone, counted and reported")
  func aSwallowerIsQuarantined() async {
    await #expect(processExitsWith: .success) {
      let main = Greenlet.current
      let errors = RowResults()
      EngineCounters.onUnraisable = { errors.add("\($0)") }
      do {
        let one = Greenlet("stubborn") { () -> Void in while true { try? main.switch() } }
        try one.switch()
      }
      #expect(EngineCounters.swallowedExits == EngineCounters.exitTriesMax)
      #expect(EngineCounters.quarantined == 1)
      #expect(errors.sorted == ["\(GreenletError.exitSwallowed(greenlet: "stubborn"))"])
    }
  }

  @Test("a handler of errors may be read and set again at will: a stack has room for it afterwards")
  func aHandlerIsNotWrapped() async {
    await #expect(processExitsWith: .success) {
      let main = Greenlet.current
      let errors = RowResults()
      EngineCounters.onUnraisable = { errors.add("\($0)") }
      for _ in 0..<100_000 { EngineCounters.onUnraisable = EngineCounters.onUnraisable }
      do {
        let one = Greenlet { do { try main.switch() } catch { throw RowError(number: 13) } }
        try one.switch()
      }
      #expect(errors.sorted == ["\(RowError(number: 13))"])
    }
  }
}
