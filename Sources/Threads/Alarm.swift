// One timer that is set again and again.

import Dispatch
import Synchronization

/// Calls somebody when a time has passed and nobody has cleared it before.
///
/// A task that sleeps and is cancelled keeps its memory until it would have woken; a runner that
/// sets a deadline of minutes for every question would keep thousands.
package final class Alarm: Sendable {
  private struct State {
    var timer: (any DispatchSourceTimer)?

    /// Increases with every setting, so that a late call of an earlier one does nothing.
    var setting = 0
  }

  private let state = Mutex(State())

  package init() {}

  deinit { state.withLock { $0.timer?.cancel() } }

  /// Sets it, in the place of what was set before.
  package func set(after delay: Duration, _ call: @escaping @Sendable () -> Void) {
    state.withLock { state in
      state.setting += 1
      let setting = state.setting
      let timer = state.timer ?? Self.started()
      state.timer = timer
      timer.setEventHandler { [weak self] in
        if self?.isCurrent(setting) == true { call() }
      }
      let (seconds, attoseconds) = delay.components
      let nanoseconds = Double(seconds) * 1e9 + Double(attoseconds) / 1e9
      timer.schedule(deadline: .now() + .nanoseconds(Int(min(nanoseconds, 1e18))))
    }
  }

  /// Nobody is called any more.
  package func clear() {
    state.withLock { state in
      state.setting += 1
      state.timer?.schedule(deadline: .distantFuture)
      state.timer?.setEventHandler {}
    }
  }

  private func isCurrent(_ setting: Int) -> Bool { state.withLock { $0.setting == setting } }

  private static func started() -> any DispatchSourceTimer {
    let timer = DispatchSource.makeTimerSource(queue: .global())
    timer.schedule(deadline: .distantFuture)
    timer.setEventHandler {}
    timer.activate()
    return timer
  }
}
