// Everything that can go wrong while getting stack memory, or giving it back.

/// Why a stack could not be had, or its memory not be given back.
///
/// Each case is an operating error: it happens in a correct program, and the caller can act on it.
/// The pool is as it was before. Misuse (a size below the minimum) is a precondition failure instead.
public enum StackError: Error, Hashable, Sendable {
  /// The system refused `size` more bytes. `errno` says why.
  case allocationFailed(source: String, size: ByteCount, errno: Int32)

  /// The guard of a stack could not be made inaccessible.
  case guardFailed(errno: Int32)

  /// Another guard would take mappings that the process may need to go on at all.
  case mappingsExhausted(limit: Int)

  /// The pool already lends as many stacks as its limit allows.
  case limitReached(count: Int)

  /// Memory could not be given back to its source; the pool keeps it, and uses it again.
  case releaseFailed(source: String, errno: Int32)

  /// Pages of idle stacks could not be returned to the system; the stacks are used again.
  case trimFailed(errno: Int32)
}

extension StackError: CustomStringConvertible {
  /// The fact, then after a semicolon the mend.
  public var description: String {
    switch self {
    case .allocationFailed(let source, let size, let errno):
      """
      \(source) could not allocate \(size) for stacks (errno \(errno)); \
      lower the stack size or the number of greenlets, or raise the limit of address space
      """
    case .guardFailed(let errno):
      "could not protect the guard of a stack (errno \(errno)); raise vm.max_map_count"
    case .mappingsExhausted(let limit):
      """
      a guard of another stack would come too close to the limit of \(limit) mappings; \
      raise vm.max_map_count, use Linux 6.13 or later, or ask for canaries
      """
    case .limitReached(let count):
      "the stack pool's limit of \(count) stacks is reached; raise it, or finish greenlets first"
    case .releaseFailed(let source, let errno):
      "\(source) could not take stacks back (errno \(errno)); trim again when there is memory"
    case .trimFailed(let errno):
      "could not return the pages of idle stacks (errno \(errno)); trim again later"
    }
  }
}
