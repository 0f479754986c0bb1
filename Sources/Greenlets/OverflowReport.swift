// Who overflowed: a line on standard error before the process dies of a fault in a guard.

import CSwitch
import Stacks
import Synchronization

/// Says whose stack overflowed.
///
/// A frame that reaches the guard below a stack faults, and the process dies of the signal, with or
/// without this report. With it, a line on standard error says first what ran there and where that
/// was made, how deep its calls were, and the bounds of its stack:
///
///     greenlets: stack overflow in "crawler" (greenlet number 7), made at Spider/Crawl.swift:31,
///     212 frames deep, in spider+0x41f0; its stack is 0x7f03a4010000-0x7f03a4014000 (16384 bytes),
///     the fault is at 0x7f03a400fff8; give it a larger one
///
/// (It is a single line.) The place in the code is what `addr2line` and `llvm-symbolizer` take.
///
/// Then the signal is handled as if there were no report. A handler that was there before is called
/// with its mask and with what the kernel said; without one, the process dies of the signal. The same
/// holds for every fault that is no overflow, of which nothing is said. A handler that is set later
/// takes the report's place; it may pass the signal on to the one that it replaced.
///
/// A fault is an overflow if it lies in the guard of a pool's stack and the stack pointer is there,
/// too. A frame that is wider than what is left and the guard together steps over the guard, and is
/// found by nobody.
public enum OverflowReport {
  private static let enabled = Atomic<Bool>(false)

  static var isEnabled: Bool { enabled.load(ordering: .relaxed) }

  /// Turns the report on, for this thread and for those that make their first greenlet or coroutine
  /// later.
  ///
  /// Each of these threads gets a stack for signal handlers, unless it has one. To be called again
  /// when somebody else has set a handler since; at most seven times.
  ///
  /// - Returns: Whether the signal can be handled.
  @discardableResult public static func enable() -> Bool { enable(withCrashes: false) }

  static func enable(withCrashes: Bool) -> Bool {
    enabled.store(true, ordering: .relaxed)
    guard let layout else { return false }
    // SAFETY: the handler reads the engine's structures as they are laid out in this build.
    return unsafe withUnsafePointer(to: layout) {
      unsafe withCrashes ? gb_crash_report($0) : gb_overflow_report($0)
    } == 0
  }

  /// Names this thread's work, for coroutines and for greenlets that have no name.
  ///
  /// - Parameter subject: The first 63 bytes are kept.
  public static func describeThread(as subject: String) {
    // SAFETY: the bytes are copied.
    unsafe subject.withCString { unsafe gb_overflow_subject($0) }
  }

  /// Where the handler finds what it says.
  private static var layout: gb_overflow_layout? {
    typealias Core = MemoryLayout<GreenletCore>
    guard let head = unsafe Core.offset(of: \.head), let id = Core.offset(of: \.id),
      let settings = Core.offset(of: \.settings), let site = Core.offset(of: \.site),
      let limit = unsafe MemoryLayout<StackHead>.offset(of: \.limit),
      let parked = MemoryLayout<StackHead>.offset(of: \.parked),
      let coroutineSite = MemoryLayout<CoroutineCore>.offset(of: \.site)
    else { return nil }
    return gb_overflow_layout(
      core_head: head, core_id: id, core_settings: settings, core_site: site, head_limit: limit,
      head_parked: parked, coroutine_room: CoroutineCore.room, coroutine_site: coroutineSite,
      coroutine_names: (CoroutineCore.parkingName, CoroutineCore.longParkingName),
      // An object's header is two words.
      settings_name: 2 * MemoryLayout<UInt>.size, sliced_name: SliceRegion.stackName)
  }

  /// Keeps a name where the handler can read it: a string's bytes may be anywhere, and to find them
  /// may call the runtime.
  static func keep(_ name: String?, in place: inout UnsafeMutablePointer<CChar>?) {
    unsafe place?.deallocate()
    unsafe place = nil
    guard var name else { return }
    name.withUTF8 { bytes in
      let count = min(bytes.count, 127)
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: count + 1)
      for index in 0..<count { unsafe copy[index] = CChar(bitPattern: bytes[index]) }
      unsafe copy[count] = 0
      unsafe place = copy
    }
  }
}
