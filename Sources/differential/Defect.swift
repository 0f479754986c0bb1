// Defects on a greenlet's own stack: Valgrind has to report them, or its silence says nothing.

import CFaults
import CSanitizers
import Greenlets

/// What proves that Valgrind looks, and that it knows the stacks.
enum Defect {
  struct Unwatched: Error, CustomStringConvertible {
    let description = "this does not run under Valgrind, or is no build with GB_VALGRIND"
  }

  /// Reads freed memory and decides by memory that was never written, deep in a greenlet; then decides by
  /// a variable of a greenlet's own that nobody wrote before it was suspended, nor since.
  ///
  /// - Throws: ``Unwatched``, and what the engine throws.
  static func commit() throws {
    guard gb_valgrind_is_on() else { throw Unwatched() }
    let culprit = Greenlet("culprit") { (depth: Int) throws -> Int in descend(depth) }
    let answer: Int = try culprit.switch(10)
    // On a shared stack the first one lies above the second, which is moved away when the first goes on.
    let first = Greenlet("first") { (depth: Int) throws -> Int in
      let _: Int = try Greenlet.main.switch(0)
      return sum(depth)
    }
    let forgetful = Greenlet("forgetful") { (_: Int) throws -> Int in try remember() }
    let _: Int = try first.switch(10)
    let _: Int = try forgetful.switch(0)
    let total: Int = try first.switch(0)
    let kept: Int = try forgetful.switch(0)
    print("committed three defects, and got \(answer), \(total) and \(kept)")
  }

  /// Zeros beside the bits that nobody wrote: a copy that is packed must not mistake one for the other.
  @inline(never) private static func remember() throws -> Int {
    let words = 8
    return try unsafe withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 2 * words) { place in
      // SAFETY: the place has eight words of 64 bits, and the copy the room that eight words may take.
      guard let start = place.baseAddress else { return 0 }
      unsafe start.initialize(repeating: 0, count: 7)
      unsafe (start + 8).initialize(repeating: 0, count: 8)
      let _: Int = try Greenlet.main.switch(0)
      // Frames of a build without optimisation are too long to be packed; this is as short ones are.
      let copy = UnsafeMutablePointer<UInt64>.allocate(capacity: gb_packed_most(words))
      defer { unsafe copy.deallocate() }
      unsafe gb_pack_frames(copy, start, words)
      unsafe gb_unpack_frames(start, copy, words)
      // What was written, without a word of Valgrind's; then what was not.
      return unsafe Int(gb_branch_on(start)) &+ Int(gb_branch_on(start + 7))
    }
  }

  @inline(never) private static func sum(_ depth: Int) -> Int {
    depth > 0 ? depth + sum(depth - 1) : 0
  }

  /// A frame has a name by which the report is known.
  @inline(never) private static func descend(_ depth: Int) -> Int {
    depth > 0 ? descend(depth - 1) ^ depth : Int(gb_read_freed()) &+ Int(gb_branch_on_nothing())
  }
}
