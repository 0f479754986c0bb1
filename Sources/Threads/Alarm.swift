// One timer that is set again and again; a pause of a task.

import Synchronization

/// Calls somebody when a time has passed and nobody has cleared it before.
///
/// Time in which the machine is suspended does not count: a worker could not work in it either.
///
/// A task that sleeps and is cancelled keeps its memory until it would have woken; a runner that
/// sets a deadline of minutes for every question would keep thousands.
package final class Alarm: Sendable {
  private let setting = Mutex<TimerThread.Key?>(nil)

  private let timers: TimerThread

  package convenience init() { self.init(on: .shared) }

  /// Begins the thread of all timers, if there is none yet.
  ///
  /// - Throws: That there is no thread for it; then to set an alarm would end the program.
  package static func begin() throws(SystemFailure) { try TimerThread.shared.begin() }

  init(on timers: TimerThread) { self.timers = timers }

  deinit { clear() }

  /// Sets it, in the place of what was set before.
  ///
  /// - Parameters:
  ///   - delay: After which time.
  ///   - call: Called on the thread of all timers, so it must not block.
  package func set(after delay: Duration, _ call: @escaping @Sendable () -> Void) {
    replace(with: timers.add(after: delay, call))
  }

  /// Nobody is called any more, unless it happens right now.
  package func clear() {
    replace(with: nil)
  }

  private func replace(with key: TimerThread.Key?) {
    let last = setting.withLock { setting in
      defer { setting = key }
      return setting
    }
    if let last { timers.remove(last) }
  }

  /// Pauses a task, as `Task.sleep` does, without libdispatch.
  ///
  /// - Throws: `CancellationError` when the task is cancelled, at once.
  package static func sleep(for delay: Duration) async throws(CancellationError) {
    let (ends, end) = AsyncStream.makeStream(of: Never.self)
    let alarm = Alarm()
    alarm.set(after: delay) { end.finish() }
    for await _ in ends {}
    alarm.clear()
    if Task.isCancelled { throw CancellationError() }
  }
}
