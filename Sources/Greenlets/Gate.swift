// A lock around state of the process, which ThreadSanitizer can see.

import CSanitizers
import Synchronization

/// Guards a value that is kept elsewhere.
///
/// `Mutex` with a value cannot be held over a fork, and ThreadSanitizer does not see it.
final class Gate: Sendable {
  private let mutex = Mutex<Void>(())

  func lock() {
    mutex._unsafeLock()
    unsafe gb_lock_taken(Unmanaged.passUnretained(self).toOpaque())
  }

  func unlock() {
    unsafe gb_lock_given(Unmanaged.passUnretained(self).toOpaque())
    mutex._unsafeUnlock()
  }

  /// Does something while nobody else does anything under this gate.
  func with<Result>(_ act: () -> Result) -> Result {
    lock()
    defer { unlock() }
    return act()
  }
}
