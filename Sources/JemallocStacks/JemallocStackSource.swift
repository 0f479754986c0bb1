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

  public func makeStack(usableSize: ByteCount) throws(StackError) -> Stack {
    let usable = usableSize.roundedUp(toPagesOf: StackGuard.pageSize)
    let size = ByteCount(usable.bytes + StackGuard.size.bytes)
    // SAFETY: a fresh block.
    let block = unsafe gb_arena_allocate(size.bytes, StackGuard.pageSize.bytes, arena)
    guard let block = unsafe block else {
      throw .allocationFailed(source: Self.name, size: size, errno: ENOMEM)
    }
    do {
      // SAFETY: the lowest bytes of the block made above; nothing lives there yet.
      try unsafe StackGuard.install(at: block)
    } catch {
      // SAFETY: this function's own block, and no pointer into it has escaped.
      unsafe gb_arena_free(block, size.bytes, StackGuard.pageSize.bytes, arena)
      throw error
    }
    // SAFETY: the block is ours alone, and all of it but the guard is accessible.
    return unsafe Stack(limit: block, mappedSize: size, guardSize: StackGuard.size)
  }

  public func destroy(_ stack: consuming Stack) {
    // SAFETY: consuming the stack proves that no context owns it. The guard goes first: jemalloc
    // would hand the block out again with it, and the next owner would fault.
    unsafe StackGuard.remove(at: stack.base)
    // SAFETY: as above; size, alignment and arena are those of makeStack.
    unsafe gb_arena_free(
      stack.base, stack.mappedSize.bytes, StackGuard.pageSize.bytes, arena)
  }
}
