// Reuse of stacks: a last-in-first-out free list with a limit, over any source.

import CSanitizers

/// A bounded pool of equal stacks, for one thread.
///
/// Nothing of it is locked: a stack comes back on the thread that uses the pool.
///
/// The last stack that came back is lent first, because its pages are the warmest. A pool that is
/// let go while stacks are lent lives on until the last one is back.
///
/// Invariants, the second checked in debug builds:
///   1. `idleCount + lentCount <= limit`.
///   2. A stack is in the free list or owned by a context, never both: its head says which.
@safe public final class StackPool {
  // Invariant: `core` is ours until deinit, which frees it or leaves that to the last takeBack.
  @usableFromInline let core: UnsafeMutablePointer<StackPoolCore>

  /// Makes an empty pool.
  ///
  /// - Parameters:
  ///   - source: Makes a stack when no idle one is left.
  ///   - stackSize: Usable bytes of each stack.
  ///   - limit: The most stacks, idle and lent together.
  /// - Precondition: `stackSize` is at least 16 KiB, which a Swift trap needs; `limit > 0`.
  public init(
    source: any StackSource = MappedStackSource(), stackSize: ByteCount, limit: Int = 1 << 20
  ) {
    precondition(stackSize >= .kibibytes(16), "a Swift trap needs 16 KiB of stack")
    precondition(limit > 0, "a pool without stacks")
    unsafe core = .allocate(capacity: 1)
    unsafe core.initialize(
      to: StackPoolCore(source: source, stackSize: stackSize, limit: limit))
  }

  /// Usable bytes of every stack of this pool.
  public var stackSize: ByteCount { unsafe core.pointee.stackSize }

  /// The most stacks, idle and lent together.
  public var limit: Int { unsafe core.pointee.limit }

  /// Stacks that are lent.
  ///
  /// - Complexity: O(idle stacks): lending and taking back count nothing.
  public var lentCount: Int { unsafe core.pointee.ownedCount - core.pointee.countIdle() }

  /// Stacks that wait to be lent.
  ///
  /// - Complexity: O(idle stacks).
  public var idleCount: Int { unsafe core.pointee.countIdle() }

  /// Lends a stack, to be returned to ``takeBack(_:)``.
  ///
  /// - Returns: A stack with at least `stackSize` usable bytes. Their content is unspecified, save
  ///   what ``StackHead/parked`` says.
  /// - Throws: ``StackError/limitReached(count:)``, or what the source throws.
  /// - Complexity: O(1); system calls only when no idle stack is left.
  @inlinable @inline(__always) public func lend() throws(StackError) -> Stack {
    try unsafe address.lend()
  }

  /// Takes back a stack that a pool lent, whether that pool is this one or was let go.
  ///
  /// - Complexity: O(1), no system call; frees a pool that was let go when this is its last stack.
  /// - Precondition: A pool lent the stack, and it is not back already.
  @inlinable @inline(__always) public static func takeBack(_ stack: consuming Stack) {
    let head = unsafe stack.head
    assert(unsafe head.pointee.pool != nil, "a stack came back that no pool made")
    // SAFETY: a pool lent the stack, and lives until its last stack is back.
    let core = unsafe head.pointee.pool.unsafelyUnwrapped
    let isUsual = unsafe !core.pointee.needsCare
    unsafe core.pointee.pushIdle(head)
    if _slowPath(!isUsual) { unsafe StackPoolCore.care(for: core, head) }
  }

  /// Takes back a stack that this pool lent, or another one.
  ///
  /// As the static ``takeBack(_:)-swift.type.method``: the stack knows its pool.
  @inlinable public func takeBack(_ stack: consuming Stack) { Self.takeBack(stack) }

  /// The pool's address, for an engine that holds the pool elsewhere and looks at it often.
  @unsafe @inlinable @inline(__always) public var address: Address { unsafe Address(core: core) }

  /// A pool that somebody else holds.
  @safe @frozen public struct Address {
    // Invariant: whoever uses it holds the pool.
    @usableFromInline let core: UnsafeMutablePointer<StackPoolCore>

    @inlinable init(core: UnsafeMutablePointer<StackPoolCore>) { unsafe self.core = core }

    /// As ``StackPool/lend()``.
    @inlinable @inline(__always) public func lend() throws(StackError) -> Stack {
      if let idle = unsafe core.pointee.popIdle() { return unsafe Stack(head: idle) }
      return try unsafe StackPoolCore.make(for: core)
    }

    /// Lends an idle stack, if an engine's first frame waits on the one that is next.
    ///
    /// - Parameter name: See ``StackHead/parked``.
    /// - Returns: The head of the stack, to be made a ``Stack`` again.
    @unsafe @inlinable @inline(__always) public func takeIdle(
      parkedAs name: UInt
    ) -> UnsafeMutablePointer<StackHead>? {
      guard let idle = unsafe core.pointee.idle, unsafe idle.pointee.parked == name else {
        return nil
      }
      return unsafe core.pointee.popIdle()
    }
  }

  /// Whether the pool of a stack was let go, so that taking the stack back frees it.
  ///
  /// - Safety: `head` must belong to a stack that is not destroyed.
  @unsafe @inlinable @inline(__always) public static func isAbandoned(
    _ head: UnsafeMutablePointer<StackHead>
  ) -> Bool {
    guard let core = unsafe head.pointee.pool else { return true }
    return unsafe core.pointee.isOrphan
  }

  deinit {
    unsafe core.pointee.isOrphan = true
    unsafe core.pointee.needsCare = true
    unsafe StackPoolCore.settle(core)
  }
}

/// What a pool is made of, apart from its handle.
@safe @usableFromInline struct StackPoolCore {
  @usableFromInline var idle: UnsafeMutablePointer<StackHead>?

  /// Whether a stack that comes back needs more than to be put on the list.
  @usableFromInline var needsCare = gb_sanitizers_are_on()

  /// Whether the pool was let go.
  @usableFromInline var isOrphan = false

  let source: any StackSource
  let stackSize: ByteCount
  let limit: Int
  var madeCount = 0

  /// Stacks that are idle or lent.
  var ownedCount = 0

  // Thirty-two neighbours get different cache sets for their tops, one line apart.
  static let colours = 32
  static let colourStep = 64

  init(source: any StackSource, stackSize: ByteCount, limit: Int) {
    self.source = source
    self.stackSize = stackSize
    self.limit = limit
  }

  @inlinable @inline(__always) mutating func popIdle() -> UnsafeMutablePointer<StackHead>? {
    guard let head = unsafe idle else { return nil }
    unsafe idle = head.pointee.next
    unsafe head.pointee.markLent(true)
    return unsafe head
  }

  @inlinable @inline(__always) mutating func pushIdle(_ head: UnsafeMutablePointer<StackHead>) {
    unsafe head.pointee.markLent(false)
    unsafe head.pointee.next = idle
    unsafe idle = head
  }

  func countIdle() -> Int {
    var (count, head) = unsafe (0, idle)
    while let one = unsafe head {
      count += 1
      unsafe head = one.pointee.next
    }
    return count
  }

  /// Lends a stack that the source makes.
  @usableFromInline @inline(never) static func make(
    for core: UnsafeMutablePointer<StackPoolCore>
  ) throws(StackError) -> Stack {
    let limit = unsafe core.pointee.limit
    // No stack is idle, so all are lent.
    guard unsafe core.pointee.ownedCount < limit else { throw .limitReached(count: limit) }
    let raw = try unsafe core.pointee.source.makeStack(usableSize: core.pointee.stackSize)
    let colour = unsafe core.pointee.madeCount % colours * colourStep
    // SAFETY: the parts of the stack that the source made, with the head moved down.
    let stack = unsafe Stack(
      limit: raw.base, mappedSize: raw.mappedSize, guardSize: raw.guardSize, colour: colour)
    GuardRegistry.add(stack)
    unsafe core.pointee.madeCount += 1
    unsafe core.pointee.ownedCount += 1
    unsafe stack.head.pointee.pool = unsafe core
    unsafe stack.head.pointee.markLent(true)
    return stack
  }

  /// Does what a stack that came back needs, in a pool that was let go or under a sanitizer.
  @usableFromInline @inline(never) static func care(
    for core: UnsafeMutablePointer<StackPoolCore>, _ head: UnsafeMutablePointer<StackHead>
  ) {
    let lowest = unsafe head.pointee.lowest
    // SAFETY: the usable bytes of an idle stack, on which nobody runs.
    unsafe gb_stack_is_free(lowest, UnsafeMutableRawPointer(head) - lowest)
    if unsafe core.pointee.isOrphan { unsafe settle(core) }
  }

  /// Frees the idle stacks of a pool that was let go, and the core with the last stack.
  @usableFromInline @inline(never) static func settle(
    _ core: UnsafeMutablePointer<StackPoolCore>
  ) {
    while let head = unsafe core.pointee.idle {
      unsafe core.pointee.idle = head.pointee.next
      unsafe GuardRegistry.remove(head.pointee.limit)
      // SAFETY: the free list owned the stack, and let it go in the line above.
      unsafe core.pointee.source.destroy(Stack(head: head))
      unsafe core.pointee.ownedCount -= 1
    }
    guard unsafe core.pointee.ownedCount == 0 else { return }
    // SAFETY: the pool is gone and nothing is lent, so nobody else knows the core.
    unsafe core.deinitialize(count: 1)
    unsafe core.deallocate()
  }
}
