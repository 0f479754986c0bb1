// Everything that can go wrong while getting stack memory.

/// Why a stack could not be had.
///
/// Each case is an operating error: it happens in a correct program, and the caller can act on it.
/// Misuse (a size below the minimum) is a precondition failure instead.
public enum StackError: Error, Hashable, Sendable {
  /// The system refused `size` more bytes. `errno` says why.
  case allocationFailed(source: String, size: ByteCount, errno: Int32)

  /// The guard of a stack could not be made inaccessible.
  case guardFailed(errno: Int32)

  /// The pool already lends as many stacks as its limit allows.
  case limitReached(count: Int)
}

extension StackError: CustomStringConvertible {
  /// The fact, then after a semicolon the mend.
  public var description: String {
    switch self {
    case .allocationFailed(let source, let size, let errno):
      """
      \(source) could not allocate \(size) for a stack (errno \(errno)); \
      lower the stack size or the number of greenlets, or raise vm.max_map_count
      """
    case .guardFailed(let errno):
      "could not protect the guard of a stack (errno \(errno)); raise vm.max_map_count"
    case .limitReached(let count):
      "the stack pool's limit of \(count) stacks is reached; raise it, or finish greenlets first"
    }
  }
}
