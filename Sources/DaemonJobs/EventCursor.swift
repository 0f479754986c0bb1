// Reads the event log from some point on, first what is stored and then what comes.

import DaemonAPI

/// One reader of the log.
///
/// Pulls: one who reads slowly makes nothing wait and fills no memory. What the live stream dropped
/// meanwhile is read from the store again.
actor EventCursor {
  typealias Page = @Sendable (_ after: Int) async -> [DaemonEvent]

  private let page: Page
  private var live: AsyncStream<DaemonEvent>.Iterator
  private var stored: ArraySlice<DaemonEvent> = []
  private var seq: Int

  /// Whether the store had nothing newer when it was last asked.
  private var isCaughtUp = false

  /// Makes a reader.
  ///
  /// - Parameters:
  ///   - seq: The last event that it has seen.
  ///   - live: Events to come; it has to be there before the first page is read.
  ///   - page: Reads some stored events after one; none when there are no more.
  init(after seq: Int, live: AsyncStream<DaemonEvent>, page: @escaping Page) {
    self.seq = seq
    self.live = live.makeAsyncIterator()
    self.page = page
  }

  /// The next event; nil when there will be none.
  func next() async -> DaemonEvent? {
    if stored.isEmpty, !isCaughtUp { await readPage() }
    while stored.isEmpty {
      // The iterator is this actor's alone; it is taken out while it waits.
      var iterator = live
      guard let event = await iterator.next(isolation: self) else { return nil }
      live = iterator
      if event.seq <= seq { continue }
      if event.seq == seq + 1 { stored = [event] } else { await readPage() }
    }
    guard let event = stored.popFirst() else { return nil }
    seq = event.seq
    return event
  }

  private func readPage() async {
    stored = ArraySlice(await page(seq))
    isCaughtUp = stored.isEmpty
  }
}
