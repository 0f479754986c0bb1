// A source of memory that fails on purpose: the n-th mapping, or the n-th that is given back.

import Foundation
import Stacks
import Synchronization

/// Another source, and what of it fails.
struct FaultySource: StackSource {
  static let name = "faulty"

  let inner: any StackSource
  let faults = Faults()

  /// What fails, counted down.
  final class Faults: Sendable {
    struct Counts {
      /// The allocation that fails: 1 is the next one; 0 for none.
      var failingAllocation = 0
      var failingFree = 0

      /// Allocations that the inner source refused by itself.
      var refused = 0
    }

    private let counts = Mutex(Counts())

    func change<Result: Sendable>(_ change: (inout Counts) -> Result) -> Result {
      counts.withLock { change(&$0) }
    }

    /// Counts down to an occasion; whether it is this one.
    func isDue(_ count: WritableKeyPath<Counts, Int>) -> Bool {
      change { counts in
        guard counts[keyPath: count] > 0 else { return false }
        counts[keyPath: count] -= 1
        return counts[keyPath: count] == 0
      }
    }
  }

  @unsafe func allocate(
    _ size: ByteCount, alignment: ByteCount
  ) throws(StackError) -> UnsafeMutableRawPointer {
    if faults.isDue(\.failingAllocation) {
      throw .allocationFailed(source: Self.name, size: size, errno: ENOMEM)
    }
    do { return try unsafe inner.allocate(size, alignment: alignment) } catch {
      faults.change { $0.refused += 1 }
      throw error
    }
  }

  @unsafe func free(
    _ base: UnsafeMutableRawPointer, _ size: ByteCount, alignment: ByteCount
  ) throws(StackError) {
    if faults.isDue(\.failingFree) { throw .releaseFailed(source: Self.name, errno: ENOMEM) }
    // SAFETY: passes on the caller's duty.
    try unsafe inner.free(base, size, alignment: alignment)
  }
}
