// The thread of all timers: it is begun once, and a time that comes needs no thread any more.

import Glibc
import Synchronization

/// Calls whoever waits for a time.
///
/// libdispatch's timers hand their work to a thread that may have to be made first, and where the
/// system has none they hold whoever sets the next one, too (DECISIONS 86).
final class TimerThread: Sendable {
  typealias Call = @Sendable () -> Void

  static let shared = TimerThread()

  /// A time that somebody waits for.
  struct Key: Hashable, Sendable { fileprivate let number: Int }

  private struct State {
    /// A few: one for each process, stream and pause.
    var waiting: [Key: (due: ContinuousClock.Instant, call: Call)] = [:]
    var last = 0
    var hasThread = false

    /// When the thread looks by itself; nil when it waits to be told.
    var nextLook: ContinuousClock.Instant?
  }

  private let state = Mutex(State())
  private let change = SteadyCondition()

  /// Has somebody called on the thread of all timers, where nothing may block.
  ///
  /// O(1). Begins the thread with the first; a program that has none for it ends.
  func add(after delay: Duration, _ call: @escaping Call) -> Key {
    let due = ContinuousClock.now + max(.zero, min(delay, Self.delayMax))
    let (key, isFirst, isMissing) = state.withLock { state in
      defer { state.hasThread = true }
      state.last += 1
      let key = Key(number: state.last)
      state.waiting[key] = (due, call)
      return (key, state.nextLook.map { due < $0 } ?? true, !state.hasThread)
    }
    if isMissing { Crew.shared.need("timers") { self.serve() } }
    if isFirst { change.signal() }
    return key
  }

  /// Has nobody called under that key any more, unless it happens right now.
  ///
  /// O(1).
  func remove(_ key: Key) {
    // Let go of outside the lock: what goes with it may be an alarm, too.
    let removed = state.withLock { $0.waiting.removeValue(forKey: key) }
    withExtendedLifetime(removed) {}
  }

  /// What nobody lives to see; longer ones would overflow.
  private static let delayMax = Duration.seconds(1_000_000_000)

  /// O(those that wait) for each time that comes.
  private func serve() -> Never {
    while true {
      let now = ContinuousClock.now
      let (calls, next) = state.withLock { state in
        let due = state.waiting.filter { $0.value.due <= now }
        for (key, _) in due { state.waiting[key] = nil }
        state.nextLook = due.isEmpty ? state.waiting.values.map(\.due).min() : now
        let inOrder = due.values.sorted { $0.due < $1.due }
        return (inOrder.map(\.call), state.nextLook)
      }
      for call in calls { call() }
      if calls.isEmpty { change.wait(for: next.map { now.duration(to: $0) }) }
    }
  }
}
