// Guards: bytes below a stack that fault when touched.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// How to make the lowest bytes of a stack inaccessible, and accessible again.
public enum StackGuard {
  /// The bytes that every guard is wide.
  ///
  /// The compiler does not probe large frames, so a frame can jump over a guard of one page. Sixteen
  /// pages stop all but absurd frames and cost address space only.
  public static let size = ByteCount.kibibytes(64)

  // Linux 6.13: guards that are marks in the page table, not mappings of their own.
  private static let madviseGuardInstall: Int32 = 102
  private static let madviseGuardRemove: Int32 = 103

  /// Whether the kernel makes guards without mappings of their own; asked once.
  public static let usesGuardPages: Bool = {
    #if os(Linux)
      let page = pageSize.bytes
      // SAFETY: a fresh mapping of our own, unmapped before anybody else sees it.
      let probe = unsafe mmap(
        nil, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let probe = unsafe probe, unsafe probe != MAP_FAILED else { return false }
      // SAFETY: as above.
      defer { unsafe munmap(probe, page) }
      // SAFETY: as above; an unknown advice changes nothing and fails.
      return unsafe madvise(probe, page, madviseGuardInstall) == 0
    #else
      return false
    #endif
  }()

  /// The machine's page.
  public static let pageSize = ByteCount(sysconf(Int32(_SC_PAGESIZE)))

  /// Makes `size` bytes inaccessible.
  ///
  /// - Throws: ``StackError/guardFailed(errno:)``.
  /// - Safety: `base` must be page-aligned, and `size` bytes from it must hold nothing of value.
  @unsafe public static func install(at base: UnsafeMutableRawPointer) throws(StackError) {
    // SAFETY: passes on the caller's duty. Locked memory refuses the advice, so there is a fallback.
    if usesGuardPages, unsafe madvise(base, size.bytes, madviseGuardInstall) == 0 { return }
    // SAFETY: as above.
    guard unsafe mprotect(base, size.bytes, PROT_NONE) == 0 else {
      throw .guardFailed(errno: errno)
    }
  }

  /// Makes a guard accessible again, before its memory goes back to an allocator.
  ///
  /// - Safety: `base` must be what ``install(at:)`` was given.
  @unsafe public static func remove(at base: UnsafeMutableRawPointer) {
    // SAFETY: the caller's own memory; both calls leave readable, writable, unspecified bytes.
    let advised = unsafe !usesGuardPages || madvise(base, size.bytes, madviseGuardRemove) == 0
    // SAFETY: as above. Needed where install fell back to it, harmless elsewhere.
    let protected = unsafe mprotect(base, size.bytes, PROT_READ | PROT_WRITE) == 0
    precondition(advised && protected, "a guard could not be removed: errno \(errno)")
  }
}
