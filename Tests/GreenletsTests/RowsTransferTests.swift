// Rows S10 to S16: messages in flight, errors in flight, foreign frames, threads side by side.

import Dispatch
import Foundation
import Greenlets
import Stacks
import Testing

struct RowsTransferTests {
  @Test("S10: a message is the receiver's before any user code runs, so a tracer may switch")
  func aTracerMaySwitch() throws {
    let main = Greenlet.current
    let log = RowLog<String>()
    let g1 = Greenlet("g1") { (first: String) throws -> String in
      log("g1 first: \(first)")
      let then: String = try main.switch("from g1")
      log("g1 then: \(then)")
      return "g1 done"
    }
    let g2 = Greenlet("g2") { (first: String) throws -> String in
      log("g2 first: \(first)")
      let nothing: Any = try main.switch("from g2")
      log("g2 then: \(nothing)")
      return "g2 done"
    }
    let isFirst = RowPlace(true)
    Greenlet.setTracer { event in
      guard event.kind == .switch, isFirst.value == true else { return }
      isFirst.value = false
      let reply: String = try g2.switch("from the tracer")
      log("the tracer got: \(reply)")
    }
    defer { Greenlet.setTracer(nil) }
    let replies = [
      try g1.switch("to g1") as String, try g1.switch("to the tracer"),
      try g1.switch("to g1 again"), try g2.switch(),
    ]
    #expect(replies == ["from g2", "from g1", "g1 done", "g2 done"])
    #expect(
      log.lines == [
        "g2 first: from the tracer", "the tracer got: to the tracer", "g1 first: to g1",
        "g1 then: to g1 again", "g2 then: ()",
      ])
  }

  @Test("S10: an error in flight is the receiver's, too, before a tracer switches")
  func aTracerMaySwitchBeforeAnError() throws {
    let main = Greenlet.current
    let other = Greenlet { () throws -> Int in
      do { try main.switch() } catch is OtherRowError { return 2 }
      return 0
    }
    try other.switch()
    let catcher = Greenlet { () -> String in
      do { try main.switch() } catch { return "\(error)" }
      return "nothing"
    }
    try catcher.switch()
    let log = RowLog<Int>()
    Greenlet.setTracer { event in
      if event.kind == .throw, event.error is RowError { log(try other.throw(OtherRowError())) }
    }
    defer { Greenlet.setTracer(nil) }
    // The other one's result goes to its parent, main, whose throw it answers.
    #expect(try catcher.throw(RowError(number: 3)) as Int == 2)
    #expect(try catcher.switch(9) as String == "RowError(number: 3)")
    #expect(log.lines == [9])
  }

  @Test("S11: a switch without a message delivers (), to a start and to a pending switch")
  func nothingPendingIsTheEmptyTuple() throws {
    let main = Greenlet.current
    let one = Greenlet { (first: Any) throws -> [Bool] in
      let second: Any = try main.switch()
      return [first is Void, second is Void]
    }
    let reply: Any = try one.switch()
    #expect(reply is Void)
    #expect(try one.switch() as [Bool] == [true, true])
  }

  @Test("S12: nothing keeps a message after it was delivered")
  func messagesAreNotKept() throws {
    struct Luggage { let first: RowToken, second: RowToken, number = 1.5 }
    let main = Greenlet.current
    let tokens = RowTokens()
    let start = Greenlet { (first: RowToken) in withExtendedLifetime(first) { tokens.living } }
    #expect(try start.switch(tokens.make()) as Int == 1)
    #expect(tokens.living == 0, "the first message")
    let one = Greenlet { () throws -> Luggage in
      do {
        let luggage: Luggage = try main.switch()
        #expect(tokens.living == 2)
        withExtendedLifetime(luggage) {}
      }
      #expect(tokens.living == 0, "a large message")
      try main.switch(tokens.make())
      #expect(tokens.living == 0, "what was sent")
      return Luggage(first: tokens.make(), second: tokens.make())
    }
    try one.switch()
    do {
      let token: RowToken = try one.switch(Luggage(first: tokens.make(), second: tokens.make()))
      withExtendedLifetime(token) { #expect(tokens.living == 1) }
    }
    #expect(tokens.living == 0)
    do {
      let luggage: Luggage = try one.switch()
      withExtendedLifetime(luggage) { #expect(tokens.living == 2, "the result") }
    }
    #expect(one.state == .dead && tokens.living == 0)
  }

  @Test("S12: nor a message that was refused, discarded, of the wrong type, or replaced by an end")
  func messagesThatNobodyTakesAreNotKept() throws {
    let main = Greenlet.current
    let tokens = RowTokens()
    #expect(throws: GreenletError.self) { try Greenlet().switch(tokens.make()) }
    #expect(tokens.living == 0, "refused")
    let number = Greenlet { (_: Int) in }
    #expect(throws: GreenletError.self) { try number.switch((tokens.make(), tokens.make())) }
    #expect(tokens.living == 0, "of the wrong type")
    let sender = Greenlet { try main.switch([tokens.make(), tokens.make()]) }
    try sender.switch()
    #expect(tokens.living == 0, "discarded")
    let holder = Greenlet { () throws -> Void in
      let token = tokens.make()
      let _: RowToken = try main.switch()
      withExtendedLifetime(token) {}
    }
    try holder.switch()
    #expect(tokens.living == 1)
    try holder.kill()
    #expect(tokens.living == 0, "replaced by an end")
  }

  @Test("S13: errors in flight stay with their greenlets, and a new one starts with none")
  func errorsStayApart() throws {
    let main = Greenlet.current
    let log = RowLog<String>()
    func handling(_ number: Int) -> Greenlet {
      Greenlet("\(number)") { (_: Void) throws -> Int in
        do { throw RowError(number: number) } catch let error as RowError {
          // Another one starts, throws and catches in the middle of this one's handling.
          let inner = Greenlet { () -> String in
            do { throw OtherRowError() } catch { return "\(type(of: error))" }
          }
          log(try inner.switch())
          try main.switch()
          return error.number
        }
      }
    }
    let (first, second) = (handling(1), handling(2))
    try first.switch()
    try second.switch()
    #expect(throws: OtherRowError.self) {
      try Greenlet { () throws -> Void in throw OtherRowError() }.switch()
    }
    #expect(try first.switch() as Int == 1)
    #expect(try second.switch() as Int == 2)
    #expect(log.lines == ["OtherRowError", "OtherRowError"])
  }

  @Test("S14: siblings and strangers switch as equals; the parent is asked at death alone")
  func switchesAreSymmetric() throws {
    let main = Greenlet.current
    let log = RowLog<String>()
    let parent = Greenlet("parent") { (first: String) throws -> String in
      log("parent: \(first)")
      return "home"
    }
    let ring = RowPlace<[Greenlet]>([])
    for place in 0..<3 {
      ring.value?.append(
        Greenlet("\(place)", parent: parent) { (first: Int) throws -> String in
          var number = first
          while number < 9 {
            log("\(place): \(number)")
            guard let next = ring.value?[(place + 1) % 3] else { return "no ring" }
            number = try next.switch(number + 1)
          }
          if place == 0 { number = try main.switch("a stop at main") }
          return "\(place) ends with \(number)"
        })
    }
    let first = try #require(ring.value?.first)
    #expect(try first.switch(0) as String == "a stop at main")
    #expect(log.lines == (0..<9).map { "\($0 % 3): \($0)" }, "nobody asked the parent")
    #expect(parent.state == .unstarted)
    #expect(try first.switch(10) as String == "home")
    #expect(log.lines.last == "parent: 0 ends with 10")
    for greenlet in ring.value ?? [] { try greenlet.kill() }
    ring.value = nil
  }

  @Test("S15: a switch works inside of the library's sorts and maps, nested")
  func switchesInsideOfLibraryFrames() throws {
    let main = Greenlet.current
    let sorter = Greenlet { () throws -> [Int] in
      try [3, 1, 2].sorted { left, right in
        try main.switch((left, right)) as Bool
      }.map { number in
        try [number].reduce(0) { sum, next in
          try [sum].map { sum in sum + next * (try main.switch("map") as Int) }[0]
        }
      }
    }
    var (reply, comparisons): (Any, Int) = (try sorter.switch(), 0)
    while let (left, right) = reply as? (Int, Int) {
      comparisons += 1
      reply = try sorter.switch(left < right)
    }
    #expect(comparisons >= 2)
    #expect(reply as? String == "map")
    reply = try sorter.switch(10)
    #expect(reply as? String == "map")
    try sorter.switch(10)
    #expect(try sorter.switch(10) as [Int] == [10, 20, 30])
  }

  @Test("S15: a recursion through foreign frames is resumed where it was left")
  func switchesInsideOfForeignFrames() throws {
    let main = Greenlet.current
    func factorial(_ number: Int) throws -> Int {
      if number == 0 { return try main.switch() }
      return try number * DispatchQueue(label: "\(number)").sync { try factorial(number - 1) }
    }
    let one = Greenlet { try factorial(5) }
    try one.switch()
    #expect(one.backtrace().count > 5)
    #expect(try one.switch(10) as Int == 1200)
  }

  @Test("S16: ten threads do all this at once and independently")
  func threadsSideBySide() throws {
    let count = 10
    let (inside, open) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let results = RowResults()
    let threads = (0..<count).map { number in
      RowThread {
        let main = Greenlet.current
        let inner = Greenlet("inner") { (value: Int) throws -> Int in
          // All threads are in the middle of their second greenlet before any goes on.
          inside.signal()
          open.wait()
          for turn in 0..<1000 {
            let reply: Int = try main.switch(turn)
            if reply != turn + 1 { results.add("\(reply) instead of \(turn + 1)") }
          }
          return value * 2
        }
        let outer = Greenlet("outer") { (first: Int) throws -> String in
          try inner.reparent(to: Greenlet.current)
          return "\(try inner.switch(first) as Int)"
        }
        do {
          var reply: Any = try outer.switch(number)
          while let turn = reply as? Int { reply = try inner.switch(turn + 1) }
          results.add("\(reply)")
        } catch { results.add("\(error)") }
      }
    }
    for _ in 0..<count { inside.wait() }
    for _ in 0..<count { open.signal() }
    for thread in threads { thread.join() }
    #expect(results.sorted == (0..<count).map { "\($0 * 2)" }.sorted())
  }
}
