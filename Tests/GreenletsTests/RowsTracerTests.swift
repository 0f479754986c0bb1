// Rows R: what a thread's tracer is told, when, and what it may do.

import Greenlets
import Testing

struct RowsTracerTests {
  struct Boom: Error, Equatable { var number = 1 }

  /// Traces what `act` does, as lines "kind origin target".
  private func traced(
    _ kinds: Set<GreenletEvent.Kind> = [.switch, .throw], _ act: () throws -> Void
  ) rethrows -> [String] {
    let diary = Diary()
    let old = Greenlet.setTracer { event in
      guard kinds.contains(event.kind) else { return }
      diary.add("\(event.kind) \(event.origin.name) \(event.target.name)")
    }
    defer { Greenlet.setTracer(old) }
    try act()
    return diary.lines
  }

  @Test("R1: a tracer is its thread's; setting one returns the one before, nil removes it")
  func perThread() throws {
    let diary = Diary()
    #expect(Greenlet.setTracer { _ in diary.add("one") } == nil)
    #expect(Greenlet.setTracer { _ in diary.add("two") } != nil)
    JoinedThread.run {
      #expect(Greenlet.tracer == nil)
      expectNoError { try Greenlet { 1 }.switch() }
    }
    #expect(diary.lines.isEmpty)
    let two = Greenlet.setTracer(nil)
    #expect(Greenlet.tracer == nil)
    let greenlet = Greenlet { 1 }
    try greenlet.switch()
    #expect(diary.lines.isEmpty, "removed")
    Greenlet.setTracer(two)
    try Greenlet.main.switch()
    Greenlet.setTracer(nil)
    #expect(diary.lines == ["two"], "what was returned is the tracer before")
  }

  @Test("R2: a greenlet's life is told as create, start, switch, exit, switch")
  func kinds() throws {
    let all: Set<GreenletEvent.Kind> = [
      .create, .start, .switch, .throw, .exit, .reap, .block, .wake,
    ]
    let lines = try traced(all) {
      let one = Greenlet("one") { 1 }
      GreenletObservers.tell(.block, about: one)
      GreenletObservers.tell(.wake, about: one)
      try one.switch()
    }
    #expect(
      lines == [
        "create one one", "block one one", "wake one one", "start one one", "switch main one",
        "exit one one", "switch one main",
      ])
  }

  @Test("R3: a tracer runs in the target, after the switch")
  func runsInTheTarget() throws {
    let diary = Diary()
    defer { Greenlet.setTracer(nil) }
    let main = Greenlet.main
    let one = Greenlet("one") { try main.switch() }
    Greenlet.setTracer { event in
      guard event.kind == .switch else { return }
      #expect(Greenlet.current === event.target.greenlet)
      #expect(event.target.id == Greenlet.current.id)
      diary.add("in \(Greenlet.current.name), main is \(main.state)")
    }
    try one.switch()
    try one.switch()
    #expect(
      diary.lines == [
        "in one, main is suspended", "in main, main is running", "in one, main is suspended",
        "in main, main is running",
      ])
  }

  @Test("R4: a tracer's error removes it and takes the message's place in the target")
  func tracerFails() throws {
    defer { Greenlet.setTracer(nil) }
    let main = Greenlet.main
    let one = Greenlet { () -> String in
      do { return try main.switch() } catch { return "\(error)" }
    }
    try one.switch()
    Greenlet.setTracer { event in if event.kind == .switch { throw Boom(number: 7) } }
    #expect(try one.switch("lost") as String == "Boom(number: 7)")
    #expect(Greenlet.tracer == nil)
  }

  @Test("R4: a tracer's error at the first switch keeps the body from running")
  func tracerFailsAtStart() throws {
    defer { Greenlet.setTracer(nil) }
    let one = Greenlet { (_: Int) in Issue.record("the body ran") }
    Greenlet.setTracer { event in if event.kind == .switch { throw Boom(number: 8) } }
    #expect(throws: Boom(number: 8)) { try one.switch(1) }
    #expect(one.state == .dead)
    #expect(Greenlet.tracer == nil)
  }

  @Test("R4: a tracer's error takes the place of another error, too")
  func tracerFailsAtThrow() throws {
    defer { Greenlet.setTracer(nil) }
    let thrower = Greenlet { throw Boom(number: 1) }
    Greenlet.setTracer { event in if event.kind == .throw { throw Boom(number: 9) } }
    #expect(throws: Boom(number: 9)) { try thrower.switch() }
  }

  @Test("R5: a death is told as a switch with its value, a throw with its error")
  func deaths() throws {
    let lines = try traced {
      try Greenlet("value") { 1 }.switch()
      #expect(throws: Boom.self) { try Greenlet("error") { throw Boom() }.switch() }
      try Greenlet("exit") { throw GreenletExit() }.switch()
    }
    #expect(
      lines == [
        "switch main value", "switch value main", "switch main error", "throw error main",
        "switch main exit", "switch exit main",
      ])
  }

  @Test("R5: a dead greenlet that stands for the caller: the caller is origin and target")
  func deadOnes() throws {
    let dead = Greenlet("dead") { () }
    try dead.switch()
    let lines = try traced {
      try dead.switch()
      try dead.throw()
      #expect(throws: Boom.self) { try dead.throw(Boom()) }
    }
    #expect(lines == ["switch main main", "switch main main", "throw main main"])
  }

  @Test("R6: a tracer may switch; the message on its way arrives after all")
  func tracerSwitches() throws {
    struct Large: Equatable { var words = [1, 2], more = (1.5, 2.5).1, last = "last" }
    defer { Greenlet.setTracer(nil) }
    let main = Greenlet.main
    let counter = Greenlet("counter") { (first: Greenlet) in
      var (from, count) = (first, 0)
      while true {
        count += 1
        from = try from.switch((count, "other things"))
      }
    }
    var counts: [Int] = []
    Greenlet.setTracer { event in
      guard event.kind == .switch else { return }
      let reply: (Int, String) = try counter.switch(Greenlet.current)
      counts.append(reply.0)
    }
    let echo = Greenlet { (large: Large) -> Large in
      let second: Large = try main.switch(large)
      return Large(words: second.words + [3])
    }
    #expect(try echo.switch(Large()) as Large == Large())
    #expect(try echo.switch(Large()) as Large == Large(words: [1, 2, 3]))
    Greenlet.setTracer(nil)
    #expect(counts == [1, 2, 3, 4], "its own switches are not told")
    try counter.kill()
  }

  @Test("R9: a throw is told with its error, and every event with a time and a thread")
  func errorsAndTimes() throws {
    defer { Greenlet.setTracer(nil) }
    var errors: [Boom?] = []
    var times: [UInt64] = []
    var threads: Set<UInt64> = []
    Greenlet.setTracer { event in
      if event.kind == .throw { errors.append(event.error as? Boom) }
      if event.kind == .switch { #expect(event.error == nil) }
      times.append(event.nanoseconds)
      threads.insert(event.thread)
    }
    #expect(throws: Boom(number: 2)) { try Greenlet { throw Boom(number: 2) }.switch() }
    Greenlet.setTracer(nil)
    #expect(errors == [Boom(number: 2)])
    #expect(times.count > 2 && times == times.sorted() && !times.contains(0))
    #expect(threads.count == 1)
  }
}
