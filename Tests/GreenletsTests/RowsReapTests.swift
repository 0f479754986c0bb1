// Rows K9 to K13 and G: ends from afar, ends that let others go, cycles, destructors that switch.

import Greenlets
import Testing

struct RowsReapTests {
  struct Boom: Error {}

  /// Does something when it goes.
  final class Bell {
    private let ring: () -> Void
    init(_ ring: @escaping () -> Void) { self.ring = ring }
    deinit { ring() }
  }

  @Test("K9: weak handles are nil during the end; the number finds the greenlet")
  func weakHandles() throws {
    let main = Greenlet.main
    weak var watched: Greenlet?
    var number: UInt64 = 0
    var seen: (isGone: Bool, number: UInt64)?
    do {
      let one = Greenlet {
        defer { seen = (watched == nil, Greenlet.current.id) }
        try main.switch()
      }
      (watched, number) = (one, one.id)
      try one.switch()
    }
    #expect(seen?.isGone == true)
    #expect(seen?.number == number)
  }

  @Test("K9: an unstarted child is gone before the parent that it held ends", arguments: [1, 2])
  func childFirst(generations: Int) throws {
    let main = Greenlet.main
    weak var child: Greenlet?
    var wasGone: Bool?
    do {
      var last = Greenlet("parent") {
        defer { wasGone = child == nil }
        try main.switch()
      }
      try last.switch()
      for _ in 0..<generations { last = Greenlet(parent: last) { 1 } }
      child = last
    }
    #expect(wasGone == true)
  }

  @Test("K10: dropped on another thread, it ends on its own at that one's next call")
  func droppedElsewhere() throws {
    let diary = Diary()
    let held = Place<Greenlet>()
    let home = JoinedThread()
    home.run {
      let main = Greenlet.main
      let one = Greenlet {
        defer { diary.add(Greenlet.main === main ? "ended at home" : "ended elsewhere") }
        try main.switch()
      }
      expectNoError { try one.switch() }
      held.value = one
    }
    held.value = nil
    #expect(diary.lines.isEmpty)
    home.run { _ = Greenlet.current }
    #expect(diary.lines == ["ended at home"])
    home.end()
  }

  @Test("K10: dropped on another thread, it ends at the latest with its own")
  func droppedElsewhereAndThreadEnds() throws {
    let diary = Diary()
    let held = Place<Greenlet>()
    let home = JoinedThread()
    home.run {
      let main = Greenlet.main
      let one = Greenlet {
        defer { diary.add("ended") }
        try main.switch()
      }
      expectNoError { try one.switch() }
      held.value = one
    }
    held.value = nil
    home.end()
    #expect(diary.lines == ["ended"])
  }

  @Test("K10: a storm: four threads let go of each other's greenlets while all of them switch")
  func storm() {
    let (threads, rounds, each) = (4, 20, 25)
    let counts = (0..<threads).map { _ in Counter() }
    let workers = (0..<threads).map { _ in JoinedThread() }
    for _ in 0..<rounds {
      let slots = (0..<threads).map { _ in Place<[Greenlet]>([]) }
      all(workers) { index in
        let main = Greenlet.main
        for _ in 0..<each {
          let one = Greenlet {
            defer { counts[index].value += 1 }
            try main.switch()
          }
          expectNoError { try one.switch() }
          slots[index].value?.append(one)
        }
      }
      all(workers) { index in
        let echo = Greenlet { (number: Int) in number }
        // The neighbour's greenlets go, while the neighbour switches and finds some of its own.
        slots[(index + 1) % threads].value = nil
        expectNoError { _ = try echo.switch(1) as Int }
      }
    }
    // Whatever came last is found by a call, before the threads end.
    all(workers) { _ in Greenlet.drain() }
    let ended = counts.map(\.value)
    for worker in workers { worker.end() }
    #expect(ended == counts.map(\.value))
    #expect(counts.map(\.value) == Array(repeating: rounds * each, count: threads))
  }

  /// Has all threads do something at once, and waits for all.
  private func all(_ workers: [JoinedThread], _ work: @escaping @Sendable (Int) -> Void) {
    for (index, worker) in workers.enumerated() { worker.begin { work(index) } }
    for worker in workers { worker.wait() }
  }

  final class Counter: @unchecked Sendable {
    // SAFETY (@unchecked Sendable): each is one thread's until that has ended.
    var value = 0
  }

  @Test("K11: what ends may drain again; errors are reported; the caller's own error stays")
  func drainAgain() async {
    await #expect(processExitsWith: .success) {
      let main = Greenlet.main
      let diary = Diary()
      EngineCounters.onUnraisable = { diary.add("reported \($0)") }
      let held = Place<[Greenlet]>([])
      for number in 0..<3 {
        let one = Greenlet {
          defer {
            diary.add("ends \(number)")
            Greenlet.drain()
            diary.add("ended \(number)")
          }
          do { try main.switch() } catch {
            guard number == 1 else { throw error }
            throw Boom()
          }
        }
        try one.switch()
        held.value?.append(one)
      }
      JoinedThread.run { held.value = nil }
      let thrower = Greenlet("thrower") { throw GreenletError.noGenerator }
      #expect(throws: GreenletError.noGenerator) { try thrower.switch() }
      // In the order in which they were let go, none of them within another or twice.
      #expect(
        diary.lines == [
          "ends 0", "ended 0", "ends 1", "ended 1", "reported Boom()", "ends 2", "ended 2",
        ])
    }
  }

  @Test("K12: an end is told as a reap, a throw into the dying one, and a switch back")
  func traced() throws {
    let main = Greenlet.main
    let diary = Diary()
    defer { Greenlet.setTracer(nil) }
    do {
      let one = Greenlet("one") { try main.switch() }
      try one.switch()
      Greenlet.setTracer { event in
        let error = event.error.map { " \(type(of: $0))" } ?? ""
        diary.add("\(event.kind) \(event.origin.name) \(event.target.name)\(error)")
      }
    }
    #expect(
      diary.lines == [
        "reap one one", "throw main one GreenletExit", "exit one one", "switch one main",
      ])
  }

  @Test("K13: what runs during the end may switch to others and come back")
  func switchesInTheEnd() throws {
    let main = Greenlet.main
    let diary = Diary()
    let helper = Greenlet("helper") { (first: Greenlet) in
      diary.add("helper")
      try first.switch("helped")
      diary.add("helper ends")
    }
    do {
      let one = Greenlet("one") {
        defer {
          let reply = try? helper.switch(Greenlet.current) as String
          diary.add(reply ?? "nothing")
        }
        try main.switch()
      }
      try one.switch()
    }
    #expect(diary.lines == ["helper", "helped"])
    #expect(helper.state == .suspended)
    try helper.switch()
    #expect(diary.lines.last == "helper ends")
  }

  @Test("K13: a switch back to who let go counts as a swallowed exit, and the exit comes again")
  func switchesBackEarly() throws {
    let main = Greenlet.main
    let diary = Diary()
    let before = EngineCounters.swallowedExits
    do {
      let one = Greenlet("one") {
        defer { diary.add("ended") }
        do { try main.switch() } catch {
          diary.add("first")
          try main.switch()
        }
      }
      try one.switch()
    }
    #expect(diary.lines == ["first", "ended"])
    #expect(EngineCounters.swallowedExits > before)
  }

  @Test("G1: a body that holds its own handle keeps its greenlet, which the dump shows")
  func ownHandle() throws {
    let main = Greenlet.main
    let diary = Diary()
    weak var watched: Greenlet?
    do {
      let own = Place<Greenlet>()
      let one = Greenlet("circular") {
        defer { diary.add("ended") }
        try main.switch()
        withExtendedLifetime(own) {}
      }
      own.value = one
      watched = one
      try one.switch()
    }
    #expect(diary.lines.isEmpty, "references are counted, so a circle keeps itself")
    let leaked = try #require(watched)
    let dump = GreenletDump.ofThisThread()
    #expect(dump.contains("circular (number \(leaked.id), suspended)"))
    try leaked.kill()
    #expect(diary.lines == ["ended"])
  }

  @Test("G1: a body that asks for current instead holds nothing")
  func currentInstead() throws {
    let main = Greenlet.main
    weak var watched: Greenlet?
    do {
      let one = Greenlet {
        #expect(Greenlet.current.state == .running)
        try main.switch()
      }
      watched = one
      try one.switch()
    }
    #expect(watched == nil)
  }

  @Test("G1: a circle through a body ends with the body: by its death, or taken away unrun")
  func finishedCircles() throws {
    weak var watched: Bell?
    do {
      let one = try circular(&watched)
      #expect(watched != nil)
      try one.switch()
    }
    #expect(watched == nil)
    do {
      let one = try circular(&watched)
      #expect(watched != nil)
      try one.removeBody()
    }
    #expect(watched == nil)
  }

  /// A greenlet whose body holds it, and a bell.
  private func circular(_ watched: inout Bell?) throws -> Greenlet {
    let own = Place<Greenlet>()
    let bell = Bell {}
    watched = bell
    let one = Greenlet { withExtendedLifetime((own, bell)) {} }
    own.value = one
    return one
  }

  @Test("G3: a destructor that switches may run anywhere, also while another greenlet ends")
  func destructorsThatSwitch() throws {
    let main = Greenlet.main
    let diary = Diary()
    let echo = Greenlet("echo") { (first: Greenlet) in
      var from = first
      while true {
        diary.add("echoes \(from.name)")
        from = try from.switch()
      }
    }
    do {
      let one = Greenlet("one") {
        let bell = Bell { expectNoError { _ = try echo.switch(Greenlet.current) as Any } }
        try main.switch()
        withExtendedLifetime(bell) {}
      }
      try one.switch()
      let bell = Bell { expectNoError { _ = try echo.switch(main) as Any } }
      _ = consume bell
      #expect(diary.lines == ["echoes main"])
    }
    #expect(diary.lines == ["echoes main", "echoes one"])
    try echo.kill()
  }
}

/// Records an error where it cannot be thrown.
func expectNoError(_ act: () throws -> Void) {
  do { try act() } catch { Issue.record(error) }
}
