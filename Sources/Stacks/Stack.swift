// One stack: a guard below, usable bytes above, owned by exactly one context at a time.

/// Memory for one context's frames.
///
/// Layout, lowest address first:
///
///     limit          lowest                 top    limit + mappedSize
///     |    guard     |     usable bytes     | head | colour |
///
/// Frames grow downwards, from `top` towards the guard. Equal stacks lie at equal distances, so
/// their hot top lines would share few cache sets; the colour moves the tops of neighbours apart.
///
/// A `Stack` is noncopyable: a context that runs on it consumes it, so two contexts on one stack do
/// not compile. It does not free itself: the ``StackPool`` that lent it takes it back.
@safe @frozen public struct Stack: ~Copyable, @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the pointer is the identity of memory that this value alone
  // owns; moving the value to another thread moves the ownership with it.

  // Invariant: points at the head of a stack that this value owns.
  @usableFromInline let place: UnsafeMutablePointer<StackHead>

  /// Takes over a stack from whoever held its head.
  ///
  /// - Safety: Nobody else may own the stack of this head.
  @unsafe @inlinable @inline(__always) public init(head: UnsafeMutablePointer<StackHead>) {
    unsafe place = head
  }

  /// What lies at the top of the stack; valid as long as the stack is not destroyed.
  @unsafe @inlinable @inline(__always) public var head: UnsafeMutablePointer<StackHead> {
    unsafe place
  }

  /// Guard, usable bytes, head and colour together.
  public var mappedSize: ByteCount { unsafe place.pointee.mappedSize }

  /// The guard's bytes; none where a canary watches.
  public var guardSize: ByteCount { unsafe place.pointee.guardSize }

  /// Bytes that the top is moved down by.
  public var colour: Int { unsafe place.pointee.colour }

  /// Bytes that frames may occupy, head and colour included.
  public var usableSize: ByteCount { ByteCount(mappedSize.bytes - guardSize.bytes) }

  /// One past the highest usable byte: where the first frame begins.
  @unsafe @inlinable @inline(__always) public var top: UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(place)
  }

  /// The lowest usable byte.
  @unsafe public var lowest: UnsafeMutableRawPointer { unsafe base + guardSize.bytes }

  /// The first byte of the guard.
  @unsafe public var base: UnsafeMutableRawPointer { unsafe place.pointee.limit }
}

/// The line at the top of every stack: whose it is, and what was left on it.
@safe @frozen public struct StackHead {
  /// The line that a head takes.
  static var room: Int { 64 }

  /// The next idle stack of the pool.
  @usableFromInline var next: UnsafeMutablePointer<StackHead>?

  /// The pool that lends the stack.
  @usableFromInline let pool: UnsafeMutablePointer<StackPoolCore>

  /// Names the engine whose first frame still waits on the stack for another body; 0 for nobody.
  ///
  /// A spawn then continues that frame, which costs less than a new one. Whoever lends the stack
  /// and does not know the name must forget the frame by writing 0.
  public var parked: UInt = 0

  /// The first byte of the guard.
  public let limit: UnsafeMutableRawPointer

  @usableFromInline let slab: UnsafeMutablePointer<StackSlab>
  private let mappedLines: UInt32
  private let guardLines: UInt16
  private let colourLines: UInt16
  @usableFromInline var isLent = false

  init(
    pool: UnsafeMutablePointer<StackPoolCore>, slab: UnsafeMutablePointer<StackSlab>,
    limit: UnsafeMutableRawPointer, layout: StackLayout, colour: Int
  ) {
    unsafe self.pool = unsafe pool
    unsafe self.slab = unsafe slab
    unsafe self.limit = limit
    mappedLines = UInt32(layout.stride / Self.room)
    guardLines = UInt16(layout.guardBytes / Self.room)
    colourLines = UInt16(colour / Self.room)
  }

  /// Guard, usable bytes, head and colour together.
  public var mappedSize: ByteCount { ByteCount(Int(mappedLines) * Self.room) }

  /// The guard's bytes; none where a canary watches.
  public var guardSize: ByteCount { ByteCount(Int(guardLines) * Self.room) }

  /// Bytes that the top is moved down by.
  public var colour: Int { Int(colourLines) * Self.room }

  /// The lowest usable byte.
  public var lowest: UnsafeMutableRawPointer { unsafe limit + guardSize.bytes }

  /// Notes that a stack is lent, or idle again; in debug builds, which check that it was not so.
  @inlinable @inline(__always) mutating func markLent(_ lent: Bool) {
    assert(
      {
        defer { isLent = lent }
        return isLent != lent
      }(), "a stack was lent or taken back twice")
  }
}
