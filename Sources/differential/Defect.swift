// Defects on a greenlet's own stack: Valgrind has to report them, or its silence says nothing.

import CFaults
import CSanitizers
import Greenlets

/// What proves that Valgrind looks, and that it knows the stacks.
enum Defect {
  struct Unwatched: Error, CustomStringConvertible {
    let description = "this does not run under Valgrind, or is no build with GB_VALGRIND"
  }

  /// Reads freed memory and decides by memory that was never written, deep in a greenlet.
  ///
  /// - Throws: ``Unwatched``, and what the engine throws.
  static func commit() throws {
    guard gb_valgrind_is_on() else { throw Unwatched() }
    let culprit = Greenlet("culprit") { (depth: Int) throws -> Int in descend(depth) }
    let answer: Int = try culprit.switch(10)
    print("committed two defects, and got \(answer)")
  }

  /// A frame has a name by which the report is known.
  @inline(never) private static func descend(_ depth: Int) -> Int {
    depth > 0 ? descend(depth - 1) ^ depth : Int(gb_read_freed()) &+ Int(gb_branch_on_nothing())
  }
}
