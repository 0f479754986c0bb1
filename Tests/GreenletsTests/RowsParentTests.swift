// Rows P1 to P11: who may be whose parent, when that takes effect, and who keeps whom.

import Greenlets
import Testing

struct RowsParentTests {
  /// Suspended, and returns what it gets.
  private func receiver(_ name: String) throws -> Greenlet {
    let main = Greenlet.current
    let one = Greenlet(name) { () throws -> String in
      let number: Int = try main.switch()
      return "\(name) got \(number)"
    }
    try one.switch()
    return one
  }

  @Test("P1: the parent can be set unstarted, suspended and running; it counts at death")
  func theParentCountsAtDeath() throws {
    let main = Greenlet.current
    let (first, second, third) = (
      try receiver("first"), try receiver("second"), try receiver("third")
    )
    let child = Greenlet("child") { () throws -> Int in
      try main.switch()
      try Greenlet.current.reparent(to: third)
      #expect(Greenlet.current.parent === third)
      return 1
    }
    #expect(child.parent === main)
    try child.reparent(to: first)
    #expect(child.parent === first)
    try child.switch()
    try child.reparent(to: second)
    #expect(child.parent === second)
    #expect(try child.switch() as String == "third got 1")
    #expect(first.state == .suspended && second.state == .suspended && third.isDead)
    try child.reparent(to: second)
    #expect(try child.switch(2) as String == "second got 2", "and for a dead one, too")
  }

  @Test("P2: a parent is a greenlet, by its type, and only main has none")
  func aParentIsAGreenlet() throws {
    let one = Greenlet { 0 }
    let two = Greenlet { 0 }
    // That this compiles is the test: neither nil nor anything else can be passed.
    let set: (Greenlet) throws(GreenletError) -> Void = one.reparent(to:)
    try set(two)
    #expect(one.parent === two)
    #expect(Greenlet(parent: nil).parent != nil)
  }

  @Test("P4: main has no parent, and can be given none, on any thread")
  func mainHasNoParent() throws {
    func check() {
      let child = Greenlet { 0 }
      #expect(Greenlet.main.parent == nil)
      for parent in [child, Greenlet.main, Greenlet()] {
        #expect(throws: GreenletError.mainHasNoParent) { try Greenlet.main.reparent(to: parent) }
      }
      #expect(Greenlet.main.parent == nil)
    }
    check()
    RowThread.run { check() }
  }

  @Test("P5: while an ancestor is ended by its descendant, others can be reparented below it")
  func aCircleForAWhile() throws {
    let main = Greenlet.current
    let top = Greenlet("top") {
      do { try main.switch() } catch is GreenletExit { try main.switch() }
    }
    let child = Greenlet("child", parent: top) { try top.kill() }
    let grandchild = Greenlet("grandchild", parent: top) { 0 }
    try top.switch()
    try child.switch()
    #expect(top.parent === child && child.parent === top, "the ender is the parent for so long")
    let other = Greenlet("other") { 0 }
    try other.reparent(to: grandchild)
    #expect(other.parent === grandchild)
    #expect(throws: GreenletError.cyclicParent(greenlet: "child", parent: "grandchild")) {
      try child.reparent(to: grandchild)
    }
    try child.kill()
    #expect(top.parent === main && child.isDead)
    try top.kill()
  }

  @Test("P5: neither a greenlet itself nor a descendant may be its parent; the chain stays")
  func cyclesAreRefused() throws {
    let main = Greenlet.current
    let own = Greenlet("own") { 0 }
    #expect(throws: GreenletError.cyclicParent(greenlet: "own", parent: "own")) {
      try own.reparent(to: own)
    }
    #expect(own.parent === main)
    var chain = [Greenlet("top") { 0 }]
    for number in 0..<100 { chain.append(Greenlet("\(number)", parent: chain.last) { 0 }) }
    for descendant in [chain[1], chain[50], chain[100]] {
      #expect(
        throws: GreenletError.cyclicParent(greenlet: "top", parent: descendant.name)
      ) { try chain[0].reparent(to: descendant) }
    }
    #expect(chain[0].parent === main)
    #expect(zip(chain, chain.dropFirst()).allSatisfy { $1.parent === $0 })
    try chain[50].reparent(to: main)
    try chain[0].reparent(to: chain[100])
    #expect(chain[0].parent === chain[100], "no cycle any more")
  }

  @Test("P6: one that has started gets no parent of another thread; the chain stays")
  func startedOnesStayOnTheirThread() throws {
    let main = Greenlet.current
    let far = WaitingThread()
    let farUnstarted = try far.run { Greenlet("far") { 0 } }
    let child = Greenlet("child") { try main.switch() }
    try child.switch()
    let refused = GreenletError.parentOnOtherThread(greenlet: "child", parent: "far")
    #expect(throws: refused) { try child.reparent(to: farUnstarted) }
    #expect(child.parent === main)
    // From the other side it is the same.
    let answer = try far.run { () -> String in
      do { try child.reparent(to: Greenlet.main) } catch { return "\(error)" }
      return "accepted"
    }
    #expect(
      answer == "\(GreenletError.parentOnOtherThread(greenlet: "child", parent: "main"))")
    #expect(child.parent === main && child.state == .suspended)
    try child.kill()
    far.join()
  }

  @Test("P7: an unstarted greenlet that is given a parent of another thread runs there")
  func unstartedOnesMayMove() throws {
    let far = WaitingThread()
    let farMain = try far.run { Greenlet.main }
    let child = Greenlet("child") { (number: Int) in (number + 1, Greenlet.main === farMain) }
    try child.reparent(to: farMain)
    #expect(
      throws: GreenletError.wrongThread(greenlet: "child", current: "main")
    ) { try child.switch(1) }
    let (number, isFar) = try far.run { try child.switch(41) as (Int, Bool) }
    #expect(number == 42 && isFar)
    #expect(child.state == .dead)
    far.join()
  }

  @Test("P7: the thread is that of the root at the time of the switch, and a move can be undone")
  func theRootDecides() throws {
    let far = WaitingThread()
    let farMain = try far.run { Greenlet.main }
    let grandparent = Greenlet("grandparent") { (text: String) in text + " and grandparent" }
    let parent = Greenlet("parent", parent: grandparent) { (text: String) in text + ", parent" }
    let child = Greenlet("child", parent: parent) { "child" }
    try grandparent.reparent(to: farMain)
    #expect(throws: GreenletError.self) { try child.switch() }
    try parent.reparent(to: Greenlet.main)
    #expect(try child.switch() as String == "child, parent")
    let there = try far.run { try grandparent.switch("nobody") as String }
    #expect(there == "nobody and grandparent")
    far.join()
  }

  @Test("P8: a parent whose thread has ended is refused; the chain stays")
  func orphanedParentsAreRefused() throws {
    let main = Greenlet.current
    let orphans = try RowThread.make {
      let farMain = Greenlet.main
      let suspended = Greenlet("suspended") { try farMain.switch() }
      try suspended.switch()
      return [farMain, Greenlet("unstarted") { 0 }, suspended]
    }
    let child = Greenlet("child") { 8 }
    for (orphan, name) in zip(orphans, ["main", "unstarted", "suspended"]) {
      #expect(throws: GreenletError.parentOrphaned(greenlet: "child", parent: name)) {
        try child.reparent(to: orphan)
      }
    }
    #expect(child.parent === main)
    #expect(try child.switch() as Int == 8)
    #expect(orphans.allSatisfy { $0.isDead })
    // An unstarted one can be saved from its thread's end.
    try orphans[1].reparent(to: main)
    #expect(orphans[1].state == .unstarted)
    #expect(try orphans[1].switch() as Int == 0)
  }

  @Test("P9: a dead parent is allowed, and passed over")
  func deadParentsAreAllowed() throws {
    let heir = try receiver("heir")
    let dead = Greenlet("dead", parent: heir) { 0 }
    try dead.kill()
    let child = Greenlet { 9 }
    try child.reparent(to: dead)
    #expect(child.parent === dead)
    #expect(try child.switch() as String == "heir got 9")
    #expect(try Greenlet(parent: dead) { 10 }.switch() as Int == 10, "on to main")
  }

  @Test("P10: a child keeps its parent, and a parent does not keep its child")
  func aChildKeepsItsParent() throws {
    let main = Greenlet.current
    let log = RowLog<String>()
    weak var watched: Greenlet?
    var child: Greenlet?
    do {
      let parent = Greenlet("parent") { () throws -> Void in
        defer { log("the parent ends") }
        try main.switch()
      }
      try parent.switch()
      watched = parent
      child = Greenlet("child", parent: parent) { 0 }
    }
    #expect(watched?.state == .suspended && child?.parent === watched)
    #expect(log.lines.isEmpty)
    child = nil
    #expect(watched == nil)
    #expect(log.lines == ["the parent ends"])
    let parent = Greenlet { 0 }
    child = Greenlet(parent: parent)
    watched = child
    child = nil
    #expect(watched == nil)
    #expect(parent.state == .unstarted)
  }

  @Test("P11: who lets a greenlet go is its parent meanwhile; a survivor has its own again")
  func theParentIsRestoredAfterTheLastHandle() throws {
    let main = Greenlet.current
    let seen = RowLog<Greenlet?>()
    let hub = Greenlet("hub") { 11 }
    do {
      let worker = Greenlet("worker", parent: hub) {
        do { try main.switch() } catch is GreenletExit {
          // Somebody holds it again, and it goes on elsewhere.
          seen(Greenlet.current.parent)
          seen(Greenlet.current)
          try hub.switch()
        }
      }
      try worker.switch()
    }
    #expect(seen.lines.count == 2)
    #expect(seen.lines.first == main)
    let worker = try #require(seen.lines.last ?? nil)
    #expect(worker.name == "worker" && worker.state == .suspended)
    #expect(worker.parent === hub && hub.state == .dead)
    seen.lines = []
    try worker.kill()
  }

  @Test("P11: a kill restores the parent, also when it fails or throws")
  func theParentIsRestoredAfterAKill() throws {
    let main = Greenlet.current
    let hub = Greenlet("hub") { (_: Any) in Issue.record("the parent was asked") }
    let killer = Greenlet("killer") { (victim: Greenlet) -> String in
      do { try victim.kill(tries: 1) } catch { return "\(error)" }
      return "done"
    }
    let seen = RowLog<String>()
    let victim = Greenlet("victim", parent: hub) { () throws -> Int in
      do { try main.switch() } catch {
        seen(Greenlet.current.parent?.name ?? "none")
        // Swallowed: back to the killer without an end.
        try Greenlet.current.parent?.switch()
      }
      throw RowError(number: 11)
    }
    try victim.switch()
    #expect(
      try killer.switch(victim) as String == "\(GreenletError.exitSwallowed(greenlet: "victim"))")
    #expect(seen.lines == ["killer"])
    #expect(victim.parent === hub && victim.state == .suspended)
    let second = Greenlet("second", parent: hub) {
      do { try main.switch() } catch { throw RowError(number: 12) }
    }
    try second.switch()
    #expect(throws: RowError(number: 12)) { try second.kill() }
    #expect(second.parent === hub && second.isDead)
    try victim.kill()
    #expect(victim.parent === hub && victim.isDead && hub.state == .unstarted)
  }

  @Test("P11: no circle of parents outlasts a kill by a child, whoever gets which parent meanwhile")
  func noCircleStays() throws {
    let main = Greenlet.current
    let hub = Greenlet("hub") { 11 }
    let victim = Greenlet("victim", parent: hub) {
      do { try main.switch() } catch {
        // Its killer is its parent now, so nothing is in the way of this.
        try hub.reparent(to: Greenlet.current)
        throw error
      }
    }
    let killer = Greenlet("killer", parent: victim) { try victim.kill() }
    try victim.switch()
    try killer.switch()
    #expect(victim.isDead && killer.isDead)
    #expect(victim.parent === main && killer.parent === victim && hub.parent === victim)
    try hub.kill()
    #expect(hub.isDead)
  }
}
