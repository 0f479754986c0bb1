// Everything that can go wrong with jemalloc.

public import Stacks

/// Why jemalloc did not do what it was asked.
public enum JemallocError: Error, Hashable, Sendable {
  /// jemalloc made no arena. `errno` says why.
  case noArena(errno: Int32)

  /// There is no memory for a block. `errno` is that of the last mapping that failed, if one did.
  case allocationFailed(from: ArenaChoice, size: ByteCount, errno: Int32)

  /// Guards could not be removed from a block that came back, so it stays lent.
  case guardsRemain(errno: Int32)

  /// jemalloc refused one of its controls. `errno` says why.
  case controlFailed(control: String, errno: Int32)

  /// The control would have changed memory that everybody uses.
  case notOfItsOwn(control: String)

  /// The system's number for it, as in `errno`; 0 when the system was not asked.
  public var errno: Int32 {
    switch self {
    case .noArena(let errno), .allocationFailed(_, _, let errno), .guardsRemain(let errno),
      .controlFailed(_, let errno):
      errno
    case .notOfItsOwn: 0
    }
  }
}

extension JemallocError: CustomStringConvertible {
  /// The fact, then after a semicolon the mend.
  public var description: String {
    switch self {
    case .noArena(let errno):
      """
      jemalloc could not make an arena (errno \(errno)); a process has at most 4094, so share one \
      (\(ArenaChoice.shared.rawValue)), or lower what else the process maps
      """
    case .allocationFailed(let choice, let size, let errno):
      """
      \(choice.rawValue) could not allocate \(size) (errno \(errno)); lower the stack size or the \
      number of greenlets, or raise the limits of memory (ulimit -v, vm.max_map_count)
      """
    case .guardsRemain(let errno):
      """
      the guards of a block could not be removed (errno \(errno)); it stays lent: free it again, and \
      raise vm.max_map_count
      """
    case .controlFailed(let control, let errno):
      """
      jemalloc refused "\(control)" (errno \(errno)); link the jemalloc 5.3 of the system, built \
      with statistics
      """
    case .notOfItsOwn(let control):
      """
      "\(control)" of \(ArenaChoice.ordinary.rawValue) would change the memory of the whole program; \
      choose \(ArenaChoice.dedicated.rawValue), or set it with MALLOC_CONF
      """
    }
  }
}
