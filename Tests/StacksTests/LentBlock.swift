// A block of a jemalloc arena, for tests.

#if canImport(JemallocStacks)
  import Glibc
  import JemallocStacks
  import Stacks

  /// A block that a test holds; it never frees itself.
  @safe struct LentBlock {
    let arena: JemallocArena
    let size: ByteCount
    let alignment: ByteCount
    // SAFETY: `size` bytes until `free`, which tests call once.
    private let base: UnsafeMutableRawPointer

    init(
      of arena: JemallocArena, size: ByteCount = .mebibytes(4),
      alignment: ByteCount = StackGuard.pageSize
    ) throws(JemallocError) {
      (self.arena, self.size, self.alignment) = (arena, size, alignment)
      unsafe base = try arena.allocate(size, alignment: alignment)
    }

    var address: UInt { unsafe UInt(bitPattern: base) }

    /// Writes on every page, and reads it.
    func touch(_ byte: UInt8 = 1) -> Bool {
      let pages = stride(from: 0, to: size.bytes, by: StackGuard.pageSize.bytes)
      for offset in pages {
        unsafe base.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
      }
      return pages.allSatisfy { unsafe base.load(fromByteOffset: $0, as: UInt8.self) == byte }
    }

    /// Writes the first byte and the last, and reads them.
    func touchEnds(_ byte: UInt8 = 1) -> Bool {
      let ends = [0, size.bytes - 1]
      for offset in ends { unsafe base.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self) }
      return ends.allSatisfy { unsafe base.load(fromByteOffset: $0, as: UInt8.self) == byte }
    }

    /// Marks guards, as Linux 6.13 and later can.
    ///
    /// - Returns: Whether the kernel could.
    func mark(_ range: Range<Int>) -> Bool {
      // MADV_GUARD_INSTALL
      unsafe madvise(base + range.lowerBound, range.count, 102) == 0
    }

    /// Takes all access away, as older kernels do.
    func forbid(_ range: Range<Int>) -> Bool {
      unsafe mprotect(base + range.lowerBound, range.count, PROT_NONE) == 0
    }

    func free() throws(JemallocError) { try unsafe arena.free(base, size, alignment: alignment) }
  }
#endif
