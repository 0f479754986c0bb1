// A lock and a signal around a state: whoever waits looks at the state, not at who signalled.

import Glibc

/// A state that threads share, and wait for.
///
/// Of the system's own parts, since a semaphore of libdispatch waits by the wall's clock, which
/// somebody may put back, and since ThreadSanitizer does not see the locks of Swift's `Mutex`.
@safe final class Monitor<State>: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): `state` is used under the mutex alone; the two pointers never
  // change, and what they point to is made for many threads.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var state: State

  /// What somebody who waits makes of the state.
  enum Look<Result> {
    case done(Result)

    /// To be looked at again after a signal, or when a time has passed; nil waits for a signal alone.
    case wait(for: Duration?)
  }

  init(_ state: State) {
    self.state = state
    // SAFETY: both are initialized here, before anybody else knows them, and stay where they are
    // until `deinit`. None of the calls has a way to fail with these arguments in glibc.
    unsafe mutex = .allocate(capacity: 1)
    unsafe condition = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe condition.initialize(to: pthread_cond_t())
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(condition, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    // SAFETY: whoever waits or signals holds a reference, so nobody does.
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Uses the state; nothing that takes long, or that comes back here.
  func withLock<Result>(_ body: (inout State) -> Result) -> Result {
    // SAFETY: the mutex lives as long as this object.
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return body(&state)
  }

  /// Has one of those who wait look at the state again.
  func signal() {
    // SAFETY: the condition lives as long as this object.
    unsafe pthread_cond_signal(condition)
  }

  /// Looks at the state until there is a result.
  func wait<Result>(_ look: (inout State) -> Look<Result>) -> Result {
    // SAFETY: both live as long as this object; a wait gives the mutex back while it lasts. That it
    // ended early, or late, is seen by looking again.
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while true {
      switch look(&state) {
      case .done(let result): return result
      case .wait(for: nil): unsafe pthread_cond_wait(condition, mutex)
      case .wait(for: let duration?):
        var moment = Self.moment(after: duration)
        _ = unsafe pthread_cond_timedwait(condition, mutex, &moment)
      }
    }
  }

  /// A moment of the steady clock, which stands still while the machine is suspended, as `SuspendingClock`.
  private static func moment(after duration: Duration) -> timespec {
    var now = timespec()
    // SAFETY: `now` outlives the call, which cannot fail for this clock.
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    let (seconds, attoseconds) = max(duration, .zero).components
    let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
    return timespec(
      tv_sec: now.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000,
      tv_nsec: nanoseconds % 1_000_000_000)
  }
}
