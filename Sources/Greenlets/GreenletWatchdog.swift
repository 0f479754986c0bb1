// The watchdog: which greenlet ran how long without switching.

import CSwitch
import Synchronization

/// The clock of a thread's slices: the times between two switches.
struct SliceClock {
  /// When the current slice began; 0 before the first switch that was watched.
  var begin: UInt64 = 0
  var longest: GreenletWatchdog.Slice?

  /// One that was too long, until it is told of.
  var late: GreenletWatchdog.Slice?

  /// A slice ends: its greenlet is left.
  ///
  /// - Returns: Whether it was too long: then it is told of on arrival.
  mutating func end(of leaving: GreenletCell, on thread: UInt64) -> Bool {
    let now = gb_nanoseconds()
    defer { begin = now }
    guard begin != 0 else { return false }
    let slice = unsafe GreenletWatchdog.Slice(
      greenlet: leaving.core.pointee.id, name: leaving.core.pointee.name, thread: thread,
      nanoseconds: now - begin)
    if slice.nanoseconds > (longest?.nanoseconds ?? 0) { longest = slice }
    if GreenletWatchdog.isLate(slice) { late = slice }
    return late != nil
  }
}

/// Finds greenlets that keep their thread for too long.
///
/// While it is on, every switch takes the long way and reads the clock.
public enum GreenletWatchdog {
  /// A time during which one greenlet ran without switching.
  public struct Slice: Hashable, Sendable {
    /// As ``Greenlet/id``.
    public let greenlet: UInt64

    /// As ``Greenlet/name`` was.
    public let name: String

    /// As ``GreenletEvent/thread``.
    public let thread: UInt64

    /// From one switch to the next, by the monotonic clock.
    public let nanoseconds: UInt64
  }

  private struct Setting {
    var limit: UInt64 = .max
    var report: (@Sendable (Slice) -> Void)?
  }

  private static let setting = Mutex(Setting())

  /// Watches this thread.
  ///
  /// Limit and report are one pair for all threads: the last call counts.
  ///
  /// - Parameters:
  ///   - limit: How long a slice may last; not negative.
  ///   - report: Called with each slice that was longer, on its thread, when it has ended.
  public static func watchThisThread(
    limit: Duration, report: @escaping @Sendable (Slice) -> Void = { _ in }
  ) {
    let (seconds, attoseconds) = limit.components
    setting.withLock {
      $0.limit = UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
      $0.report = report
    }
    let hub = unsafe GreenletHub.ofThisThread()
    unsafe hub.pointee.slice = SliceClock(begin: gb_nanoseconds())
    unsafe hub.pointee.watch(for: GreenletHub.Watch.slices)
  }

  /// Stops watching this thread.
  ///
  /// - Returns: Its longest slice.
  @discardableResult public static func stopWatchingThisThread() -> Slice? {
    let hub = unsafe GreenletHub.ofThisThread()
    unsafe hub.pointee.stopWatching(for: GreenletHub.Watch.slices)
    return unsafe hub.pointee.slice.longest
  }

  /// This thread's longest slice since it is watched; nil before the first switch.
  public static var longestSlice: Slice? {
    unsafe GreenletHub.ofThisThread().pointee.slice.longest
  }

  static func isLate(_ slice: Slice) -> Bool { setting.withLock { $0.limit < slice.nanoseconds } }

  static func tell(_ slice: Slice) {
    let report = setting.withLock { $0.report }
    report?(slice)
  }
}
