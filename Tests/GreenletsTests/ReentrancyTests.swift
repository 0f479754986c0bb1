// User code that runs in the middle of the engine's acts, and switches there.

import Foundation
import Greenlets
import Stacks
import Testing

struct ReentrancyTests {
  /// Its body is made by code that switches.
  final class Asked: Greenlet {
    var helper: Greenlet?
    override var body: GreenletBody? {
      let _: String? = try? helper?.switch()
      return GreenletBody { (number: Int) in number + 1 }
    }
  }

  @Test func aResultKeepsItsTypeWhileItsHeirIsAskedForABody() throws {
    let main = Greenlet.current
    let asked = Asked("asked")
    // Sends a text to whoever asks it, before the number of the child arrives.
    let asker = Box()
    asked.helper = Greenlet { () -> Void in _ = try asker.greenlet?.switch("a text") as Any }
    let child = Greenlet("child", parent: asked) { () -> Int in
      asker.greenlet = Greenlet.current
      return 41
    }
    let reply: Int = try child.switch()
    #expect(reply == 42)
    withExtendedLifetime(main) {}
  }

  final class Box { var greenlet: Greenlet? }

  @Test func aTracerThatSwitchesAtAnExitDoesNotTakeTheResult() throws {
    let main = Greenlet.current
    let echo = Greenlet { (first: String) throws -> String in
      var text = first
      while true { text = try main.switch(text) }
    }
    let dying = Greenlet("dying") { 42 }
    let back = Box()
    Greenlet.setTracer { event in
      guard event.kind == .exit, event.target.name == "dying" else { return }
      back.greenlet = Greenlet.current
      let other = Greenlet(parent: Greenlet.current) { "of another" }
      let text: String = try other.switch()
      #expect(text == "of another")
    }
    defer { Greenlet.setTracer(nil) }
    #expect(try dying.switch() as Int == 42)
    Greenlet.setTracer(nil)
    try echo.kill()
  }

  @Test func aTracerThatSwitchesAtAStartDoesNotLeaveAStaleContext() throws {
    let once = Greenlet("once") { () in 1 }
    var hasRun = false
    Greenlet.setTracer { event in
      guard event.kind == .start, event.target.name == "once", !hasRun else { return }
      hasRun = true
      let one: Int? = try event.target.greenlet?.switch()
      #expect(one == 1)
    }
    defer { Greenlet.setTracer(nil) }
    // It is dead by the time that the switch comes to it, so main gets the message.
    let reply: Any = try once.switch(7)
    #expect(reply as? Int == 7)
    #expect(hasRun && once.state == .dead)
  }

  @Test func controlWordsOfAnUnstartedOneAreNotTheNextOnes() throws {
    let third = 1.0 / 3.0
    let before = fegetround()
    fesetround(FE_UPWARD)
    for _ in 0..<4 { _ = Greenlet(floatEnvironment: .own) { 0 } }
    fesetround(before)
    for _ in 0..<4 {
      let divide = Greenlet { (number: Double) in 1.0 / number }
      let reply: Double = try divide.switch(3.0)
      #expect(reply == third)
    }
  }

  final class Reader {
    let local: GreenletLocal<Int>
    let seen: Seen
    init(_ local: GreenletLocal<Int>, _ seen: Seen) {
      self.local = local
      self.seen = seen
    }
    deinit { seen.numbers.append(local.value) }
  }

  final class Seen { var numbers: [Int] = [] }

  @Test func theEndOfAnOldValueMayReadLocals() {
    let (number, seen) = (GreenletLocal(7), Seen())
    let reader = GreenletLocal<Reader?>(nil)
    reader.value = Reader(number, seen)
    reader.value = nil
    reader.withValue(Reader(number, seen)) {}
    #expect(seen.numbers == [7, 7])
    #expect(GreenletLocal<Int?>(5).value == 5)
  }

  @Test func anIteratorThatIsLetGoCancelsTheBodyAlsoFromWithinAnother() {
    let seen = Seen()
    var sequence: GreenletSequence<Int>.Iterator? = GreenletSequence<Int> { outer in
      let inner = GreenletSequence<Int> { _ in
        try outer(1)
        seen.numbers.append(-1)
      }
      let iterator = inner.makeIterator()
      _ = iterator.next()
      if iterator.failure is Cancelled { seen.numbers.append(1) }
      do { try outer(2) } catch is Cancelled { seen.numbers.append(2) }
    }.makeIterator()
    #expect(sequence?.next() == 1)
    sequence = nil
    #expect(seen.numbers == [1, 2])
  }
}
