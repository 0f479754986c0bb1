// Stacks from jemalloc, in an arena of their own.

import CJemalloc
public import Stacks

#if canImport(Glibc)
  import Glibc
#endif

/// A source whose stacks are blocks of one jemalloc arena.
///
/// An arena is never destroyed: jemalloc has few and they are cheap, but a process that makes
/// thousands of sources should share one.
public struct JemallocStackSource: StackSource {
  public static let name = "jemalloc"

  private let arena: UInt32

  /// Makes an arena.
  ///
  /// - Throws: ``StackError/allocationFailed(source:size:errno:)`` when jemalloc has no arena left.
  public init() throws(StackError) {
    var made: UInt32 = 0
    // SAFETY: writes the one word that it is given.
    let failure = unsafe gb_arena_create(&made)
    guard failure == 0 else {
      throw .allocationFailed(source: Self.name, size: ByteCount(0), errno: failure)
    }
    arena = made
  }

  @unsafe public func allocate(
    _ size: ByteCount, alignment: ByteCount
  ) throws(StackError) -> UnsafeMutableRawPointer {
    // SAFETY: a fresh block.
    let block = unsafe gb_arena_allocate(size.bytes, alignment.bytes, arena)
    guard let block = unsafe block else {
      throw .allocationFailed(source: Self.name, size: size, errno: ENOMEM)
    }
    return unsafe block
  }

  @unsafe public func free(
    _ base: UnsafeMutableRawPointer, _ size: ByteCount, alignment: ByteCount
  ) throws(StackError) {
    // SAFETY: the caller's own block; size, alignment and arena are those of `allocate`.
    unsafe gb_arena_free(base, size.bytes, alignment.bytes, arena)
  }
}
