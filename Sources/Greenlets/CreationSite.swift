// Where a greenlet or a coroutine was made, in a word.

/// A file and a line, as a signal handler can read them.
///
/// The file's name is a constant of the program and the line is known to the compiler, so keeping a
/// site is one store. A handler has neither to look for a function's name nor to follow references.
@frozen @usableFromInline struct CreationSite {
  // Invariant: the address of bytes that end with 0 and are never freed, in the low 48 bits, and the
  // line above them; or 0.
  @usableFromInline let word: UInt

  @inlinable init(word: UInt) { self.word = word }

  /// Keeps a place in the program.
  ///
  /// Lines beyond 65535 are said to be that one.
  @inlinable @inline(__always) init(file: StaticString, line: UInt) {
    // Of a single scalar there is no address; nobody writes that for a file.
    guard file.hasPointerRepresentation else {
      self.init(word: 0)
      return
    }
    // User space ends below 2^48 on every machine that the switch is written for.
    let address = unsafe UInt(bitPattern: file.utf8Start)
    self.init(word: address & 0xffff_ffff_ffff | min(line, 0xffff) << 48)
  }

  @inlinable static var unknown: CreationSite { CreationSite(word: 0) }
}
