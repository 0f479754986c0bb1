// Memory of stacks from jemalloc.

public import Stacks

/// A source whose memory is blocks of a jemalloc arena.
public struct JemallocStackSource: StackSource {
  public static let name = ArenaChoice.dedicated.rawValue

  /// Where the memory comes from.
  public let arena: JemallocArena

  /// Makes an arena, or takes that of the process, or none.
  ///
  /// - Throws: ``JemallocError/noArena(errno:)``.
  public init(_ choice: ArenaChoice = .dedicated) throws(JemallocError) {
    arena = try JemallocArena.arena(for: choice)
  }

  @unsafe public func allocate(
    _ size: ByteCount, alignment: ByteCount
  ) throws(StackError) -> UnsafeMutableRawPointer {
    do {
      return unsafe try arena.allocate(size, alignment: alignment)
    } catch {
      throw .allocationFailed(source: arena.choice.rawValue, size: size, errno: error.errno)
    }
  }

  @unsafe public func free(
    _ base: UnsafeMutableRawPointer, _ size: ByteCount, alignment: ByteCount
  ) throws(StackError) {
    do {
      // SAFETY: the caller's own block; size, alignment and arena are those of `allocate`.
      try unsafe arena.free(base, size, alignment: alignment)
    } catch {
      throw .releaseFailed(source: arena.choice.rawValue, errno: error.errno)
    }
  }
}
