// The thread of all timers: it is begun once, and a time that comes needs no thread any more.

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
    var waiting: [Key: (due: SuspendingClock.Instant, call: Call)] = [:]
    var last = 0

    /// When the thread looks by itself; nil when it waits to be told.
    var nextLook: SuspendingClock.Instant?
  }

  private let monitor = Monitor(State())
  private let hasThread = Monitor(false)

  /// Begins the thread, if there is none yet.
  ///
  /// - Throws: That the system has none to give.
  func begin() throws(SystemFailure) {
    // Who comes meanwhile waits for what becomes of it.
    let failure = hasThread.withLock { hasThread -> SystemFailure? in
      guard !hasThread else { return nil }
      do throws(SystemFailure) {
        try Crew.shared.run { self.serve() }
      } catch {
        return error
      }
      hasThread = true
      return nil
    }
    if let failure { throw failure }
  }

  /// Has somebody called on the thread of all timers, where nothing may block.
  ///
  /// O(1). Begins the thread with the first; a program that has none for it ends.
  func add(after delay: Duration, _ call: @escaping Call) -> Key {
    add(at: .now + max(.zero, min(delay, Self.delayMax)), call)
  }

  func add(at due: SuspendingClock.Instant, _ call: @escaping Call) -> Key {
    do throws(SystemFailure) {
      try begin()
    } catch {
      Crew.end(for: "timers", error)
    }
    let (key, isFirst) = monitor.withLock { state in
      state.last += 1
      let key = Key(number: state.last)
      state.waiting[key] = (due, call)
      return (key, state.nextLook.map { due < $0 } ?? true)
    }
    if isFirst { monitor.signal() }
    return key
  }

  /// Has nobody called under that key any more, unless it happens right now.
  ///
  /// O(1).
  func remove(_ key: Key) {
    // Let go of outside the lock: what goes with it may be an alarm, too.
    let removed = monitor.withLock { $0.waiting.removeValue(forKey: key) }
    withExtendedLifetime(removed) {}
  }

  /// What nobody lives to see; longer ones would overflow.
  private static let delayMax = Duration.seconds(1_000_000_000)

  private func serve() -> Never {
    while true {
      for call in monitor.wait(Self.takeDue) { call() }
    }
  }

  /// Those whose time has come, in its order.
  ///
  /// O(those that wait), and what it takes to sort those that are called.
  private static func takeDue(_ state: inout State) -> Monitor<State>.Look<[Call]> {
    let now = SuspendingClock.now
    let due = state.waiting.filter { $0.value.due <= now }
    guard due.isEmpty else {
      for key in due.keys { state.waiting[key] = nil }
      // It looks again after the calls.
      state.nextLook = now
      return .done(due.values.sorted { $0.due < $1.due }.map(\.call))
    }
    state.nextLook = state.waiting.values.map(\.due).min()
    return .wait(for: state.nextLook.map { now.duration(to: $0) })
  }
}
