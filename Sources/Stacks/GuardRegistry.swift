// Where the process's guards are, for the handler of a fault.

import CSwitch

/// The guards that a report of an overflow knows.
///
/// Whoever makes memory for stacks adds it before a stack is lent, and removes it before the memory
/// goes: a pool does so for every block that its ``StackSource`` allocates. Equal stacks side by side
/// are one entry, however many they are. Readable in a signal handler at any moment.
public enum GuardRegistry {
  /// Makes guards known that lie at equal distances.
  ///
  /// Without memory for the entry nothing is added; a report then does not know these stacks.
  ///
  /// - Parameters:
  ///   - base: The first byte of the lowest guard.
  ///   - stride: From one guard to the next; at least guard and stack together.
  ///   - guardSize: Inaccessible bytes at the bottom of each stack.
  ///   - stackSize: Accessible bytes above them.
  ///   - count: Stacks.
  /// - Precondition: Nothing was added with this base and not removed.
  /// - Complexity: O(count), and O(entries in the same 2 MiB) for each 2 MiB. No system call, no lock.
  /// - Safety: What is added must be guards, until it is removed: a report reads the stack above one.
  @unsafe public static func add(
    _ base: UnsafeMutableRawPointer, stride: ByteCount, guardSize: ByteCount, stackSize: ByteCount,
    count: Int = 1
  ) {
    precondition(count > 0, "guards of no stack")
    precondition(
      guardSize.bytes > 0 && guardSize.bytes + stackSize.bytes <= stride.bytes,
      "stacks that overlap")
    // SAFETY: passes on the caller's duty.
    _ = unsafe gb_guards_add(base, stride.bytes, guardSize.bytes, stackSize.bytes, count)
  }

  /// Forgets what was added with a base.
  ///
  /// - Complexity: As ``add(_:stride:guardSize:stackSize:count:)``.
  @unsafe public static func remove(_ base: UnsafeMutableRawPointer) {
    // SAFETY: compares the address, and reads nothing there.
    unsafe gb_guards_remove(base)
  }

  /// The stack whose guard an address lies in.
  ///
  /// - Returns: The first usable byte and one past the last; nil outside of all guards.
  /// - Complexity: O(entries in the same 2 MiB).
  public static func stack(guardedAt address: UInt) -> Range<UInt>? {
    var found = gb_guarded()
    // SAFETY: compares the address, and reads nothing there.
    guard unsafe gb_guards_find(UnsafeRawPointer(bitPattern: address), &found) else { return nil }
    return found.lowest..<found.top
  }
}
