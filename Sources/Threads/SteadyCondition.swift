// Waiting for a signal or for a time, by the clock that nobody can set.

import Glibc

/// A signal that is kept until somebody has waited for it; several are one.
///
/// A semaphore's time goes by the wall's clock here, and would come late after that was put back.
@safe final class SteadyCondition: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): `isSignalled` is used under the mutex alone; the two pointers never
  // change, and what they point to is made for many threads.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var isSignalled = false

  init() {
    // SAFETY: both are initialized here, before anybody else knows them, and stay where they are
    // until `deinit`. Neither call has a way to fail with these arguments in glibc.
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

  /// Wakes who waits, or the next one to wait.
  func signal() {
    // SAFETY: both live as long as this object.
    unsafe pthread_mutex_lock(mutex)
    isSignalled = true
    unsafe pthread_cond_signal(condition)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Waits for a signal.
  ///
  /// - Parameter duration: After it nobody waits any longer; nil waits for the signal alone. A wait
  ///   may end earlier, so that whoever waits for a time looks at a clock afterwards.
  func wait(for duration: Duration?) {
    let until = duration.map(Self.moment)
    // SAFETY: both live as long as this object; the wait gives the mutex back while it lasts.
    unsafe pthread_mutex_lock(mutex)
    var code: Int32 = 0
    while !isSignalled, code == 0 {
      if var until {
        code = unsafe pthread_cond_timedwait(condition, mutex, &until)
      } else {
        code = unsafe pthread_cond_wait(condition, mutex)
      }
    }
    isSignalled = false
    unsafe pthread_mutex_unlock(mutex)
  }

  /// A moment of the steady clock.
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
