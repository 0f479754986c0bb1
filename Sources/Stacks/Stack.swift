// One stack: a guard below, usable bytes above, owned by exactly one context at a time.

/// Memory for one context's frames.
///
/// Layout, lowest address first:
///
///     limit          lowest                        top      limit + mappedSize
///     |    guard     |        usable bytes         | colour |
///
/// Frames grow downwards, from `top` towards the guard. Equal stacks lie at equal distances, so
/// their hot top lines would share few cache sets; the colour moves the tops of neighbours apart.
///
/// A `Stack` is noncopyable: a context that runs on it consumes it, so two contexts on one stack do
/// not compile. It does not free itself: the ``StackPool`` that lent it takes it back.
@safe @frozen public struct Stack: ~Copyable, @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the pointers are the identity of memory that this value alone
  // owns; moving the value to another thread moves the ownership with it.

  /// The lowest byte: the first of the guard.
  @usableFromInline let limit: UnsafeMutableRawPointer

  /// Guard, usable bytes and colour together.
  public let mappedSize: ByteCount

  /// The guard's bytes.
  public let guardSize: ByteCount

  @usableFromInline var shift: Int

  /// Bytes that the top is moved down by.
  public var colour: Int { shift }

  /// Takes over memory.
  ///
  /// - Safety: `mappedSize` bytes from `limit` must belong to nobody else. The first `guardSize`
  ///   of them must be inaccessible, all others readable and writable.
  @unsafe @inlinable public init(
    limit: UnsafeMutableRawPointer, mappedSize: ByteCount, guardSize: ByteCount, colour: Int = 0
  ) {
    precondition(guardSize < mappedSize && guardSize.bytes > 0, "a stack without a guard")
    unsafe self.limit = limit
    self.mappedSize = mappedSize
    self.guardSize = guardSize
    shift = colour
  }

  /// Bytes that frames may occupy, the colour aside.
  @inlinable public var usableSize: ByteCount { ByteCount(mappedSize.bytes - guardSize.bytes) }

  /// One past the highest usable byte: where the first frame begins.
  @unsafe @inlinable public var top: UnsafeMutableRawPointer {
    unsafe limit + (mappedSize.bytes - shift)
  }

  /// The lowest usable byte.
  @unsafe @inlinable public var lowest: UnsafeMutableRawPointer {
    unsafe limit + guardSize.bytes
  }

  /// The first byte of the guard.
  @unsafe @inlinable public var base: UnsafeMutableRawPointer { unsafe limit }
}
