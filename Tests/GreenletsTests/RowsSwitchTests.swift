// Rows S1 to S9: what a switch sends and returns, and who gets it when the target is dead.

import Greenlets
import Stacks
import Testing

struct RowsSwitchTests {
  /// Too large for a word.
  struct Large: Equatable { var name = "large", numbers = [1, 2, 3], last = 4.5 }

  @Test("S1: the first switch starts the body with its message")
  func theFirstMessageStarts() throws {
    let one = Greenlet { (pair: (a: Int, b: Int)) -> Int in
      #expect(pair.a == 4 && pair.b == 2)
      return 42
    }
    #expect(try one.switch((a: 4, b: 2)) as Int == 42)
    let bare = Greenlet { (nothing: Void) in nothing == () }
    #expect(try bare.switch() as Bool)
  }

  @Test("S1: a wrong first message is thrown inside: it dies unrun, and its parent is told")
  func aWrongFirstMessageGoesToTheParent() throws {
    let main = Greenlet.current
    let parent = Greenlet("parent") { () -> String in
      do { try main.switch() } catch { return "told: \(error)" }
      return "nothing"
    }
    try parent.switch()
    let child = Greenlet("child", parent: parent) { (_: Int) in Issue.record("it ran") }
    #expect(
      try child.switch("seven") as String
        == "told: child takes Int and was sent String; send what it takes")
    #expect(child.state == .dead && parent.state == .dead)
  }

  @Test("S2: what was sent is what the pending switch returns: nothing, one value, several, any")
  func thePendingSwitchReturnsWhatWasSent() throws {
    let main = Greenlet.current
    let one = Greenlet { () throws -> String in
      let nothing: Any = try main.switch()
      #expect(nothing is Void)
      #expect(try main.switch() as Int == 1)
      let (number, text): (Int, String) = try main.switch()
      #expect(number == 2 && text == "two")
      #expect(try main.switch() as Large == Large())
      #expect(try main.switch() as Int? == nil)
      let any: Any = try main.switch()
      #expect(any as? [String: Int] == ["key": 3])
      let error: any Error = try main.switch()
      #expect(error as? RowError == RowError(number: 4))
      let closure: (Int) -> Int = try main.switch()
      return "\(closure(5))"
    }
    try one.switch()
    try one.switch()
    try one.switch(1)
    try one.switch((2, "two"))
    try one.switch(Large())
    try one.switch(Int?.none)
    try one.switch(["key": 3])
    try one.switch(RowError(number: 4) as any Error)
    let double: (Int) -> Int = { $0 * 2 }
    #expect(try one.switch(double) as String == "10")
  }

  @Test("S2: several values are one tuple, and another tuple is another type")
  func tuplesAreTypes() throws {
    let main = Greenlet.current
    let one = Greenlet("one") { () throws -> (Int, String) in try main.switch() }
    try one.switch()
    #expect(
      throws: GreenletError.typeMismatch(
        receiver: "one", expected: "(Int, String)", received: "(String, Int)")
    ) { try one.switch(("two", 2)) }
    #expect(one.state == .dead)
  }

  @Test("S2, S3: a switch without a message sends (), and a reply that is not used is discarded")
  func nothingIsSentAsTheEmptyTuple() throws {
    let main = Greenlet.current
    let tokens = RowTokens()
    let one = Greenlet { (first: Any) throws -> RowToken in
      #expect(first is Void)
      let second: Any = try main.switch(tokens.make())
      #expect(second is Void)
      return tokens.make()
    }
    try one.switch()
    #expect(tokens.living == 0, "discarded at once")
    try one.switch(())
    #expect(one.state == .dead && tokens.living == 0)
  }

  @Test("S4: a result is delivered unmodified: no tuple, array or optional is taken apart")
  func resultsAreUnmodified() throws {
    let pair: (Int, String) = try Greenlet { (1, "one") }.switch()
    #expect(pair == (1, "one"))
    let nested: ((Int, Int), Int) = try Greenlet { ((1, 2), 3) }.switch()
    #expect(nested.0 == (1, 2) && nested.1 == 3)
    let nothing: Any = try Greenlet { () }.switch()
    #expect(nothing is Void)
    #expect(try Greenlet { [7] }.switch() as [Int] == [7])
    #expect(try Greenlet { Int?.some(7) }.switch() as Int? == 7)
    #expect(throws: GreenletError.self) { let _: Int = try Greenlet { Int?.some(7) }.switch() }
    #expect(try Greenlet { Large() }.switch() as Large == Large())
  }

  @Test("S5: a switch returns what anybody sends, not an answer of its target")
  func nothingPairsCallsAndReturns() throws {
    let main = Greenlet.current
    let second = Greenlet("second") { (text: String) throws -> String in
      try main.switch("second got \(text)")
    }
    let first = Greenlet("first") { (text: String) throws -> String in
      let reply: String = try second.switch("\(text), first")
      return "first got \(reply)"
    }
    #expect(try first.switch("main") as String == "second got main, first")
    #expect(try first.switch("again") as String == "first got again")
    #expect(try second.switch("last") as String == "last")
  }

  @Test("S5: two children take turns with their parent")
  func twoChildren() throws {
    let main = Greenlet.current
    let log = RowLog<Int>()
    func body() throws {
      log(1)
      try main.switch()
      log(1)
    }
    let (first, second) = (Greenlet { try body() }, Greenlet { try body() })
    for (greenlet, count) in [(first, 1), (second, 2), (first, 3), (second, 4)] {
      try greenlet.switch()
      #expect(log.lines.count == count)
    }
    #expect(first.isDead && second.isDead)
  }

  @Test("S6: a switch to oneself returns the own message at once, and is told as one event")
  func aSwitchToOneself() throws {
    let log = RowLog<String>()
    Greenlet.setTracer { log("\($0.kind) \($0.origin.name) \($0.target.name)") }
    defer { Greenlet.setTracer(nil) }
    let main = Greenlet.current
    #expect(try main.switch(3) as Int == 3)
    #expect(try main.switch(Large()) as Large == Large())
    #expect(log.lines == ["switch main main", "switch main main"])
    let one = Greenlet("one") { try Greenlet.current.switch("mine") as String }
    #expect(try one.switch() as String == "mine")
    #expect(log.lines.contains("switch one one"))
  }

  @Test("S6: a switch to oneself that is not watched returns the own message, too")
  func anUnwatchedSwitchToOneself() throws {
    let tokens = RowTokens()
    do {
      let token: RowToken = try Greenlet.current.switch(tokens.make())
      withExtendedLifetime(token) { #expect(tokens.living == 1) }
    }
    #expect(tokens.living == 0)
    let one = Greenlet { try Greenlet.current.switch(Large()) as Large }
    #expect(try one.switch() as Large == Large())
  }

  @Test("S7: a switch to a dead greenlet goes to its nearest living ancestor")
  func theNearestLivingAncestor() throws {
    let main = Greenlet.current
    let living = Greenlet("living") { () throws -> String in
      let got: String = try main.switch()
      return "living got \(got)"
    }
    try living.switch()
    let dead = Greenlet("dead", parent: living) { 0 }
    let child = Greenlet("child", parent: dead) { 0 }
    try dead.kill()
    try child.kill()
    #expect(try child.switch("it") as String == "living got it")
    #expect(try child.switch(25) as Int == 25, "now the ancestor is the caller")
    let nothing: Any = try child.switch()
    #expect(nothing is Void)
  }

  @Test("S7: a chain of a thousand dead ones is walked, as far as the first that lives")
  func aThousandDead() throws {
    let main = Greenlet.current
    let root = Greenlet("root") { () throws -> Int in try main.switch() + 1 }
    try root.switch()
    var last = root
    for _ in 0..<1000 {
      last = Greenlet(parent: last) { 0 }
      try last.kill()
    }
    #expect(try last.switch(41) as Int == 42)
    #expect(try last.switch("mine") as String == "mine", "a thousand and one are dead")
  }

  @Test("S8: an ancestor that never started is started with what was sent")
  func anUnstartedAncestorStarts() throws {
    let log = RowLog<Int>()
    let child = Greenlet { log(42) }
    try child.switch()
    let parent = Greenlet { (number: Int) in log(number) }
    try child.reparent(to: parent)
    let nothing: Any = try child.switch(24)
    #expect(nothing is Void)
    #expect(log.lines == [42, 24])
    #expect(parent.state == .dead)
  }

  @Test("S9: an ancestor that cannot start has the switch fail; the dead body is not run again")
  func anAncestorThatCannotStart() throws {
    let log = RowLog<Int>()
    let tokens = RowTokens()
    let parent = AskedGreenlet("perverse")
    let child = Greenlet("child", parent: parent) { log(42) }
    let refused = GreenletError.noBody(greenlet: "perverse")
    #expect(throws: refused) { try child.switch() }
    #expect(child.state == .dead && parent.state == .unstarted)
    #expect(throws: refused) { try child.switch(tokens.make()) }
    #expect(log.lines == [42] && tokens.living == 0)
    #expect(parent.state == .unstarted)
    parent.answer = { _ in GreenletBody { (number: Int) in number + 1 } }
    #expect(try child.switch(6) as Int == 7)
  }

  @Test("S9: the same when there is no stack for the ancestor")
  func anAncestorWithoutAStack() throws {
    let main = Greenlet.current
    let pool = StackPool(stackSize: .kibibytes(64), limit: 1)
    let taker = Greenlet(stacks: .pool(pool)) { try main.switch() }
    try taker.switch()
    let parent = Greenlet("parent", stacks: .pool(pool)) { (number: Int) in number }
    let child = Greenlet(parent: parent) { 0 }
    try child.kill()
    #expect(throws: GreenletError.self) { try child.switch(1) }
    #expect(parent.state == .unstarted)
    try taker.kill()
    #expect(try child.switch(2) as Int == 2)
  }
}
