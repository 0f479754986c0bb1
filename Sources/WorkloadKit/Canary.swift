// Canaries: words on a coroutine's own frames that must be the same after a suspension.

/// Writes and compares pattern words.
///
/// The functions are never inlined, so the words are written to the frame and read from it: the
/// compiler cannot know that nobody has changed them.
public enum Canary {
  /// The upper half of every canary: a test finds them by it.
  public static let mark: UInt = 0xCA4A_51E5

  /// What a frame keeps: two words, since a million shallow greenlets are counted in bytes.
  public typealias Words = InlineArray<2, UInt>

  /// Words that are no canary yet.
  @inlinable public static var blank: Words { Words(repeating: 0) }

  /// The word at one place of the canary of a key.
  @usableFromInline static func word(_ key: Int, _ place: Int) -> UInt {
    mark << 32 | UInt(truncatingIfNeeded: key &* 0x9E37_79B1 &+ place) & 0xFFFF_FFFF
  }

  /// Writes the pattern of a key.
  @inline(never) public static func arm(_ words: inout Words, _ key: Int) {
    for place in words.indices { words[place] = word(key, place) }
  }

  /// Finds whether the pattern is as it was written.
  ///
  /// - Throws: ``CanaryError`` when it is not.
  @inline(never) public static func check(_ words: inout Words, _ key: Int) throws(CanaryError) {
    for place in words.indices where words[place] != word(key, place) {
      throw CanaryError(key: key)
    }
  }
}

/// What was on a coroutine's stack is not there any more.
public struct CanaryError: Error, Hashable, CustomStringConvertible {
  /// Whose canary it was: the number of the coroutine.
  public let key: Int

  public init(key: Int) { self.key = key }

  public var description: String {
    "the stack of coroutine \(key) was overwritten while it was suspended; the backend is broken"
  }
}

/// Lines of memory on a coroutine's frames, each with a canary, chained from the innermost outwards.
@safe public struct TouchedBlock {
  // Invariant: `lines` lines on a frame that outlives this value; the first words of the first one
  // are the address of the block around this one, and the count of lines.
  private let words: UnsafeMutablePointer<UInt>

  /// Bytes of a line, of which one word is a canary.
  @inlinable public static var line: Int { 64 }

  /// Keeps a line on the caller's frame as long as `use` runs.
  @inlinable @inline(__always) public static func one<Result>(
    _ key: Int, within outer: TouchedBlock?, _ use: (TouchedBlock) throws -> Result
  ) rethrows -> Result {
    try unsafe withUnsafeTemporaryAllocation(of: UInt.self, capacity: 8) { words in
      try use(unsafe TouchedBlock(words, key, within: outer))
    }
  }

  /// Keeps four lines on the caller's frame as long as `use` runs.
  @inlinable @inline(__always) public static func four<Result>(
    _ key: Int, within outer: TouchedBlock?, _ use: (TouchedBlock) throws -> Result
  ) rethrows -> Result {
    try unsafe withUnsafeTemporaryAllocation(of: UInt.self, capacity: 32) { words in
      try use(unsafe TouchedBlock(words, key, within: outer))
    }
  }

  /// Keeps sixteen lines on the caller's frame as long as `use` runs.
  @inlinable @inline(__always) public static func sixteen<Result>(
    _ key: Int, within outer: TouchedBlock?, _ use: (TouchedBlock) throws -> Result
  ) rethrows -> Result {
    try unsafe withUnsafeTemporaryAllocation(of: UInt.self, capacity: 128) { words in
      try use(unsafe TouchedBlock(words, key, within: outer))
    }
  }

  @inline(never) @usableFromInline init(
    _ buffer: UnsafeMutableBufferPointer<UInt>, _ key: Int, within outer: TouchedBlock?
  ) {
    let lines = buffer.count * 8 / Self.line
    // SAFETY: the buffer has eight words a line, at least one line, and is the caller's.
    unsafe words = buffer.baseAddress.unsafelyUnwrapped
    unsafe words[0] = outer.map { unsafe UInt(bitPattern: $0.words) } ?? 0
    unsafe words[1] = UInt(lines)
    for line in 0..<lines { unsafe words[line * 8 + 2] = Canary.word(key, line) }
  }

  /// Reads a word of every line of this block and of those around it.
  ///
  /// - Returns: The bytes of all lines.
  /// - Throws: ``CanaryError`` when one is not what was written.
  @inline(never) public func touch(_ key: Int) throws(CanaryError) -> Int {
    var (bytes, block) = unsafe (0, words)
    while true {
      let lines = unsafe Int(truncatingIfNeeded: block[1])
      // A broken count would lead out of the frame.
      guard lines == 1 || lines == 4 || lines == 16 else { throw CanaryError(key: key) }
      for line in 0..<lines where unsafe block[line * 8 + 2] != Canary.word(key, line) {
        throw CanaryError(key: key)
      }
      bytes += lines * Self.line
      // SAFETY: the address of the block around this one, on an older frame of the same coroutine.
      guard let outer = unsafe UnsafeMutablePointer<UInt>(bitPattern: block[0]) else {
        return bytes
      }
      unsafe block = outer
    }
  }
}

/// Where frames lie, for those who ask how much stack a recursion takes.
public enum FrameAddress {
  /// An address in the frame of whoever asks, or just below it.
  @inline(never) public static func here() -> Int {
    var byte: UInt8 = 0
    return unsafe withUnsafeMutablePointer(to: &byte) { Int(bitPattern: $0) }
  }
}

/// What a workload's coroutines hold beside their stacks, to be zero when they are gone.
public final class Ledger {
  public var liveBytes = 0

  public init() {}
}

/// A parameter that the stack has no room for.
public struct StackTooSmall: Error, Hashable, CustomStringConvertible {
  public let what: String
  public let needed: Int
  public let available: Int
  public let mend: String

  public init(what: String, needed: Int, available: Int, mend: String) {
    self.what = what
    self.needed = needed
    self.available = available
    self.mend = mend
  }

  public var description: String {
    "\(what) needs about \(needed) bytes of stack, and there are \(available); \(mend)"
  }
}
