// Stacks from mmap, one mapping each.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A source that maps each stack on its own.
///
/// Linux limits a process to `vm.max_map_count` mappings, 65530 by default. A guard costs a second
/// one where the kernel has no guards of its own (before 6.13).
public struct MappedStackSource: StackSource {
  /// `mapped`.
  public static let name = "mapped"

  /// Makes a source; all of them are the same.
  public init() {}

  /// Maps a stack and its guard.
  ///
  /// Pages take memory when they are first touched.
  ///
  /// - Parameter usableSize: Rounded up to whole pages.
  /// - Returns: A stack whose usable bytes are zero.
  /// - Throws: ``StackError/allocationFailed(source:size:errno:)`` or
  ///   ``StackError/guardFailed(errno:)``; then nothing is left mapped.
  /// - Complexity: Two system calls.
  public func makeStack(usableSize: ByteCount) throws(StackError) -> Stack {
    let usable = usableSize.roundedUp(toPagesOf: StackGuard.pageSize)
    let mapped = ByteCount(usable.bytes + StackGuard.size.bytes)

    // SAFETY: a fresh anonymous mapping; no other memory is touched.
    let base = unsafe mmap(
      nil, mapped.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let base = unsafe base, unsafe base != MAP_FAILED else {
      throw .allocationFailed(source: Self.name, size: mapped, errno: errno)
    }
    do {
      // SAFETY: the lowest bytes of the mapping made above; nothing lives there yet.
      try unsafe StackGuard.install(at: base)
    } catch {
      // SAFETY: this function's own mapping, and no pointer into it has escaped.
      unsafe munmap(base, mapped.bytes)
      throw error
    }
    // SAFETY: the mapping is ours alone, and all of it but the guard is accessible.
    return unsafe Stack(limit: base, mappedSize: mapped, guardSize: StackGuard.size)
  }

  /// Unmaps a stack that such a source made.
  ///
  /// - Precondition: The system unmaps it.
  public func destroy(_ stack: consuming Stack) {
    // SAFETY: consuming the stack proves that no context owns it any more.
    let result = unsafe munmap(stack.base, stack.mappedSize.bytes)
    precondition(result == 0, "munmap of a stack failed: errno \(errno)")
  }
}
