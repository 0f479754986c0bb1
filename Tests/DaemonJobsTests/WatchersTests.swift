// Streams to watchers, and the reader of the event log.

import DaemonAPI
import Synchronization
import Testing

@testable import DaemonJobs

@Suite("Watchers")
struct WatchersTests {
  @Test("All watchers get what is told, and their end")
  func all() async {
    let watchers = Watchers<Int>()
    let streams = [watchers.add(first: [1]), watchers.add()]
    watchers.tell(2)
    watchers.finish()
    var heard: [[Int]] = []
    for stream in streams {
      var seen: [Int] = []
      for await number in stream { seen.append(number) }
      heard.append(seen)
    }
    #expect(heard == [[1, 2], [2]])
    var late = watchers.add(first: [7]).makeAsyncIterator()
    #expect(await late.next() == 7)
    #expect(await late.next() == nil)
  }

  @Test("One who does not read loses the oldest, and leaves no trace when it goes")
  func slow() async {
    let watchers = Watchers<Int>(room: 3)
    do {
      let stream = watchers.add()
      for number in 1...100 { watchers.tell(number) }
      #expect(watchers.count == 1)
      var iterator = stream.makeAsyncIterator()
      #expect(await iterator.next() == 98)
    }
    #expect(watchers.count == 0)
  }
}

@Suite("Reading the event log")
struct EventCursorTests {
  private static func event(_ seq: Int) -> DaemonEvent {
    DaemonEvent(seq: seq, at: "2026-01-01T00:00:00.000Z", kind: .jobStarted, message: "\(seq)")
  }

  /// A log that grows while it is read.
  private actor Log {
    private(set) var last: Int
    private(set) var pages = 0
    init(last: Int) { self.last = last }

    func grow(to last: Int) { self.last = last }
    func page(after seq: Int) -> [DaemonEvent] {
      pages += 1
      return seq < last ? ((seq + 1)...min(last, seq + 10)).map(EventCursorTests.event) : []
    }
  }

  private func read(_ cursor: EventCursor, _ count: Int) async -> [Int] {
    var seen: [Int] = []
    while seen.count < count, let event = await cursor.next() { seen.append(event.seq) }
    return seen
  }

  @Test("What is stored comes first, then what comes, each once")
  func both() async {
    let live = Watchers<DaemonEvent>()
    let log = Log(last: 25)
    let cursor = EventCursor(after: 3, live: live.add()) { await log.page(after: $0) }
    for seq in 24...26 { live.tell(Self.event(seq)) }
    #expect(await read(cursor, 23) == Array(4...26))
    live.finish()
    #expect(await cursor.next() == nil)
  }

  @Test("A reader that was too slow reads from the store what it missed")
  func missed() async {
    let live = Watchers<DaemonEvent>(room: 2)
    let log = Log(last: 0)
    let cursor = EventCursor(after: 0, live: live.add()) { await log.page(after: $0) }
    live.tell(Self.event(1))
    #expect(await read(cursor, 1) == [1])
    await log.grow(to: 40)
    for seq in 2...40 { live.tell(Self.event(seq)) }
    #expect(await read(cursor, 39) == Array(2...40))
  }

  @Test("One who has caught up asks the store for nothing more")
  func caughtUp() async {
    let live = Watchers<DaemonEvent>()
    let log = Log(last: 0)
    let cursor = EventCursor(after: 0, live: live.add()) { await log.page(after: $0) }
    for seq in 1...5 { live.tell(Self.event(seq)) }
    #expect(await read(cursor, 5) == Array(1...5))
    #expect(await log.pages == 1)
  }
}
