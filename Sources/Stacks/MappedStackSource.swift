// Memory of stacks from mmap.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A source that maps memory for stacks.
///
/// Linux joins neighbouring mappings of the same kind, so many pieces are few of the mappings that
/// `vm.max_map_count` limits.
public struct MappedStackSource: StackSource {
  /// `mapped`.
  public static let name = "mapped"

  /// Makes a source; all of them are the same.
  public init() {}

  /// Maps memory.
  ///
  /// - Complexity: One system call; up to three when the alignment is more than a page.
  @unsafe public func allocate(
    _ size: ByteCount, alignment: ByteCount
  ) throws(StackError) -> UnsafeMutableRawPointer {
    let slack = alignment > StackGuard.pageSize ? alignment.bytes : 0
    // SAFETY: a fresh anonymous mapping; no other memory is touched.
    let base = unsafe mmap(
      nil, size.bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
      -1, 0)
    guard let base = unsafe base, unsafe base != MAP_FAILED else {
      throw .allocationFailed(source: Self.name, size: size, errno: errno)
    }
    guard slack > 0 else { return unsafe base }
    let before = -Int(bitPattern: base) & (alignment.bytes - 1)
    // SAFETY: both are parts of the mapping made above. One that is not unmapped costs addresses only.
    if before > 0 { unsafe munmap(base, before) }
    if slack > before { unsafe munmap(base + before + size.bytes, slack - before) }
    return unsafe base + before
  }

  /// Unmaps memory.
  ///
  /// - Complexity: One system call.
  @unsafe public func free(
    _ base: UnsafeMutableRawPointer, _ size: ByteCount, alignment: ByteCount
  ) throws(StackError) {
    // SAFETY: the caller's own memory.
    guard unsafe munmap(base, size.bytes) == 0 else {
      throw .releaseFailed(source: Self.name, errno: errno)
    }
  }
}
