// Those who watch a job or the event log, each with a buffer that cannot grow.

import Synchronization

/// Streams the same elements to any number of watchers, from any thread.
///
/// A watcher that does not read loses the oldest elements of its buffer, never the daemon's memory.
final class Watchers<Element: Sendable>: Sendable {
  private struct State {
    var streams: [Int: AsyncStream<Element>.Continuation] = [:]
    var last = 0
    var isFinished = false
  }

  private let state = Mutex(State())

  /// How many elements wait for a slow reader.
  private let room: Int

  init(room: Int = 256) { self.room = room }

  var count: Int { state.withLock { $0.streams.count } }

  /// Adds a watcher.
  ///
  /// - Parameter first: What it is told before anything else.
  /// - Returns: The reader's side. It ends at once if all have been told the end.
  func add(first: [Element] = []) -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Element.self, bufferingPolicy: .bufferingNewest(room))
    for element in first { continuation.yield(element) }
    let number: Int? = state.withLock { state in
      guard !state.isFinished else { return nil }
      state.last += 1
      state.streams[state.last] = continuation
      return state.last
    }
    guard let number else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      // The last reference may go with it, and must not while the lock is held.
      _ = self?.state.withLock { $0.streams.removeValue(forKey: number) }
    }
    return stream
  }

  func tell(_ element: Element) {
    // Outside of the lock: a stream that ends meanwhile takes the lock itself.
    for stream in state.withLock({ Array($0.streams.values) }) { stream.yield(element) }
  }

  /// Ends all streams; what was told before is still read.
  func finish() {
    let streams = state.withLock { state in
      defer { state.streams.removeAll() }
      state.isFinished = true
      return Array(state.streams.values)
    }
    for stream in streams { stream.finish() }
  }
}
