// Who overflowed: a line on standard error before the process dies of a fault in a guard.

import CSwitch
import Stacks
import Synchronization

/// Says which greenlet overflowed its stack.
///
/// A frame that reaches the guard below a stack faults, and the process dies of the signal, with or
/// without this report. With it, a line names the greenlet and the size of its stack first. Then the
/// signal is handled as it was before.
public enum OverflowReport {
  private static let enabled = Atomic<Bool>(false)

  static var isEnabled: Bool { enabled.load(ordering: .relaxed) }

  /// Turns the report on, for this thread and for those that set up their greenlets later.
  ///
  /// A coroutine's stack is not known to the report: only that of the current greenlet is.
  ///
  /// - Returns: Whether the signal can be handled.
  public static func enable() -> Bool {
    enabled.store(true, ordering: .relaxed)
    return unsafe gb_on_overflow { address, overflow in
      // In a signal handler: loads and comparisons, nothing else.
      guard let hub = unsafe gb_hub_get()?.assumingMemoryBound(to: GreenletHub.self),
        let overflow = unsafe overflow, let head = unsafe hub.pointee.current.pointee.head
      else { return false }
      let lowest = unsafe UInt(bitPattern: head.pointee.limit)
      let address = UInt(bitPattern: address)
      guard address >= lowest, unsafe address < lowest &+ UInt(head.pointee.guardSize.bytes)
      else { return false }
      unsafe overflow.pointee.greenlet = hub.pointee.current.pointee.id
      unsafe overflow.pointee.bytes = UInt64(
        UInt(bitPattern: head) &- lowest &- UInt(head.pointee.guardSize.bytes))
      return true
    } == 0
  }
}
