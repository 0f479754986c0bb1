// A lock that knows of greenlets: who would wait for its own thread for ever gets an error.

import Synchronization

/// A lock that a greenlet may hold across a switch.
///
/// A lock of the system belongs to a thread: a greenlet that waits for one that another greenlet of
/// its thread holds stops the thread, holder and all. Nobody waits for this lock. Who finds it held
/// gets an error that names the holder, and can switch and try again.
///
///     let lock = GreenletLock()
///     try lock.withLock { try save() }   // may switch
public final class GreenletLock: Sendable {
  private struct Holder {
    let id: UInt64
    let name: String
  }

  private let holder = Mutex<Holder?>(nil)

  /// Makes a lock that nobody holds.
  public init() {}

  /// Runs something while the current greenlet holds the lock.
  ///
  /// - Throws: ``GreenletError/lockIsHeld(holder:current:)`` when it is held, also by the current
  ///   greenlet or on another thread; what `body` throws.
  public func withLock<Result>(_ body: () throws -> Result) throws -> Result {
    let current = Greenlet.current
    let own = Holder(id: current.id, name: current.name)
    let other = holder.withLock { holder in
      defer { holder = holder ?? own }
      return holder
    }
    if let other {
      throw GreenletError.lockIsHeld(holder: other.name, current: own.name)
    }
    defer { holder.withLock { $0 = nil } }
    return try body()
  }

  /// The ``Greenlet/id`` of the holder.
  public var holderID: UInt64? { holder.withLock { $0?.id } }
}
