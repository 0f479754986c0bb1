// Rows C1 to C11: what a new greenlet is, which body it runs, what may happen while it starts.

import Greenlets
import Stacks
import Testing

struct RowsConstructionTests {
  @Test("C1: name, parent and body may each be given or left out")
  func everyPartMayBeLeftOut() throws {
    let parent = Greenlet("parent") { 0 }
    let all = Greenlet("all", parent: parent) { (number: Int) in number }
    let bare = Greenlet()
    let named = Greenlet("named")
    let adopted = Greenlet(parent: parent)
    #expect([all, bare, named, adopted].map(\.name) == ["all", "greenlet", "named", "greenlet"])
    #expect(all.parent === parent && adopted.parent === parent)
    #expect(bare.parent === Greenlet.main && named.parent === Greenlet.main)
    #expect([all, bare, named, adopted].allSatisfy { $0.state == .unstarted })
  }

  @Test("C2: making one neither runs it nor takes a stack")
  func makingTakesNoStack() throws {
    let pool = StackPool(stackSize: .kibibytes(64), limit: 1)
    let log = RowLog<Int>()
    // More than the pool has stacks: only those that start need one.
    let greenlets = (0..<100).map { number in
      Greenlet(stacks: .pool(pool)) {
        log(number)
        #expect(pool.lentCount == 1)
      }
    }
    #expect(pool.lentCount == 0 && pool.idleCount == 0, "no stack was even made")
    #expect(log.lines.isEmpty)
    try greenlets[7].switch()
    #expect(log.lines == [7])
    #expect(pool.lentCount == 0 && pool.idleCount == 1)
    #expect(greenlets[8].state == .unstarted)
  }

  @Test("C3: the parent is the creator, not who switches first", arguments: [false, true])
  func theCreatorIsTheParent(saysNil: Bool) throws {
    let main = Greenlet.current
    let child = RowPlace<Greenlet>()
    let creator = Greenlet { () throws -> String in
      child.value = saysNil ? Greenlet(parent: nil) { 5 } : Greenlet { 5 }
      let result: Int = try main.switch()
      return "the creator got \(result)"
    }
    try creator.switch()
    #expect(child.value?.parent === creator)
    #expect(try #require(child.value).switch() as String == "the creator got 5")
  }

  @Test("C4: the creator is recorded even if user code and other threads come in between")
  func theCreatorIsReadFirst() throws {
    let main = Greenlet.current
    let (log, inner) = (RowLog<String>(), RowPlace<Greenlet>())
    let elsewhere = Greenlet("elsewhere") {
      inner.value = Greenlet("inner") { 0 }
      try main.switch()
    }
    Greenlet.setTracer { event in
      guard event.kind == .create, event.origin.name == "made" else { return }
      log("created")
      RowThread.run { _ = Greenlet { 0 } }
      try elsewhere.switch()
    }
    defer { Greenlet.setTracer(nil) }
    let made = Greenlet("made")
    #expect(log.lines == ["created"])
    #expect(made.parent === main)
    #expect(inner.value?.parent === elsewhere)
  }

  @Test("C5: without a body it cannot start: the switcher is told, and it stays unstarted")
  func noBodyIsToldToTheSwitcher() throws {
    let parent = Greenlet("parent") { Issue.record("the parent was told") }
    let empty = Greenlet("empty", parent: parent)
    #expect(throws: GreenletError.noBody(greenlet: "empty")) { try empty.switch(1) }
    #expect(throws: GreenletError.noBody(greenlet: "empty")) { try empty.throw(RowError()) }
    #expect(empty.state == .unstarted && parent.state == .unstarted)
    try empty.reparent(to: Greenlet.main)
    try empty.setBody { (number: Int) in number + 1 }
    #expect(try empty.switch(1) as Int == 2)
  }

  @Test("C6: a closure of the instance goes before the subclass's body")
  func theInstanceClosureGoesFirst() throws {
    final class Answering: Greenlet {
      override var body: GreenletBody? { GreenletBody { "the subclass" } }
    }
    #expect(try Answering().switch() as String == "the subclass")
    #expect(try Answering { "the initialiser" }.switch() as String == "the initialiser")
    let set = Answering()
    try set.setBody { "set later" }
    #expect(try set.switch() as String == "set later")
    let cleared = Answering { "the initialiser" }
    try cleared.removeBody()
    #expect(try cleared.switch() as String == "the subclass")
  }

  @Test("C7: a body can be replaced or removed before the start, and not after it")
  func aBodyIsReplacedBeforeTheStartOnly() throws {
    let main = Greenlet.current
    let one = Greenlet("one") { "first" }
    try one.setBody { "second" }
    try one.removeBody()
    #expect(throws: GreenletError.noBody(greenlet: "one")) { try one.switch() }
    try one.setBody { () throws -> String in
      #expect(throws: GreenletError.alreadyStarted(greenlet: "one")) {
        try Greenlet.current.removeBody()
      }
      try main.switch()
      return "third"
    }
    try one.switch()
    #expect(throws: GreenletError.alreadyStarted(greenlet: "one")) { try one.setBody { 4 } }
    #expect(throws: GreenletError.alreadyStarted(greenlet: "one")) { try one.removeBody() }
    #expect(try one.switch() as String == "third")
    #expect(throws: GreenletError.alreadyStarted(greenlet: "one")) { try one.setBody { 4 } }
  }

  @Test("C7: what a body captures goes when it is replaced, removed or over")
  func capturesGoWithTheBody() throws {
    let tokens = RowTokens()
    func body() -> () throws -> Int {
      let token = tokens.make()
      return { withExtendedLifetime(token) { 1 } }
    }
    let one = Greenlet(nil, body())
    #expect(tokens.living == 1)
    try one.setBody(body())
    #expect(tokens.living == 1)
    try one.removeBody()
    #expect(tokens.living == 0)
    try one.setBody(body())
    #expect(try one.switch() as Int == 1)
    #expect(one.state == .dead && tokens.living == 0)
  }

  @Test("C8: a greenlet that is started while its body is asked for goes on with both messages")
  func startedWhileItsBodyIsAskedFor() throws {
    let main = Greenlet.current
    let log = RowLog<Int>()
    let one = AskedGreenlet("one")
    one.answer = { this in
      if log.lines.isEmpty {
        log(0)
        do { log(try this.switch(43)) } catch { Issue.record(error) }
      }
      return GreenletBody { (first: Int) throws -> Int in
        var number = first
        while true { number = try main.switch(number) }
      }
    }
    #expect(try one.switch(42) as Int == 42, "the first message came second")
    #expect(log.lines == [0, 43])
    #expect(one.state == .suspended)
    one.answer = { _ in nil }
  }

  @Test("C8: one that is over by the time that its body is known stands for its ancestor")
  func overWhileItsBodyIsAskedFor() throws {
    let main = Greenlet.current
    let log = RowLog<String>()
    let a = Greenlet("a") { log("a began") }
    let b = AskedGreenlet("b", parent: a)
    let c = Greenlet("c", parent: b) {
      log("c began")
      try b.switch("from c")
      log("c done")
    }
    b.answer = { this in
      this.answer = { _ in
        GreenletBody {
          log("b began")
          log(try main.switch("from b"))
        }
      }
      #expect(Greenlet.current === c)
      do { try this.switch() } catch { Issue.record(error) }
      log("asked")
      return nil
    }
    log(try c.switch())
    try c.switch()
    #expect(a.isDead && b.isDead && c.state == .suspended)
    try c.switch()
    #expect(c.isDead)
    #expect(
      log.lines == [
        "c began", "b began", "from b", "asked", "from c", "a began", "c done",
      ])
    b.answer = { _ in nil }
  }

  @Test("C8: what the getter does to the parent is looked at before the start")
  func reparentedWhileItsBodyIsAskedFor() throws {
    let heir = Greenlet { (number: Int) in number * 2 }
    let moved = AskedGreenlet("moved")
    moved.answer = { this in
      do { try this.reparent(to: heir) } catch { Issue.record(error) }
      return GreenletBody { 21 }
    }
    #expect(try moved.switch() as Int == 42)
  }

  @Test("C8: a getter that moves its greenlet to another thread has the switch refused")
  func movedAwayWhileItsBodyIsAskedFor() throws {
    let far = WaitingThread()
    let farMain = try far.run { Greenlet.main }
    let moved = AskedGreenlet("moved")
    moved.answer = { this in
      do { try this.reparent(to: farMain) } catch { Issue.record(error) }
      return GreenletBody { 1 }
    }
    #expect(throws: GreenletError.wrongThread(greenlet: "moved", current: "main")) {
      try moved.switch()
    }
    #expect(moved.state == .unstarted)
    try moved.reparent(to: Greenlet.main)
    moved.answer = { _ in GreenletBody { 2 } }
    #expect(try moved.switch() as Int == 2)
    far.join()
  }

  @Test("C9: captures that switch as they go do not disturb the body that takes their place")
  func replacedCapturesMaySwitch() throws {
    let main = Greenlet.current
    let log = RowLog<String>()
    let helper = Greenlet {
      log("helper")
      try main.switch()
    }
    let one: Greenlet
    do {
      let token = RowToken {
        log("gone")
        do { try helper.switch() } catch { Issue.record(error) }
      }
      one = Greenlet { withExtendedLifetime(token) { "never" } }
    }
    try one.setBody { "the second body" }
    #expect(log.lines == ["gone", "helper"])
    #expect(one.state == .unstarted)
    #expect(try one.switch() as String == "the second body")
  }

  @Test("C9: captures that switch at the body's end answer for it, and the result comes later")
  func endingCapturesMaySwitch() throws {
    let main = Greenlet.current
    let one: Greenlet
    do {
      let token = RowToken {
        do { try main.switch("from the captures") } catch { Issue.record(error) }
      }
      one = Greenlet { withExtendedLifetime(token) { "the result" } }
    }
    #expect(try one.switch() as String == "from the captures")
    #expect(one.state == .suspended)
    #expect(try one.switch() as String == "the result")
    #expect(one.state == .dead)
  }

  @Test("C11: main has no body, and can be given none")
  func mainHasNoBody() {
    #expect(throws: GreenletError.mainHasNoBody) { try Greenlet.main.setBody { 1 } }
    #expect(throws: GreenletError.mainHasNoBody) { try Greenlet.main.removeBody() }
    #expect(Greenlet.main.body == nil)
    #expect(Greenlet.main.state == .running)
  }
}
