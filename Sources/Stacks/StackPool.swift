// Reuse of stacks: a last-in-first-out free list with limits, over any source.

/// A bounded pool of equal stacks, for one thread.
///
/// Nothing of it is locked: a stack comes back on the thread that uses the pool.
///
/// The last stack that came back is lent first, because its pages are the warmest. New stacks are
/// carved out of slabs, so that neighbours share mappings. A pool that is let go while stacks are
/// lent lives on until the last one is back.
///
/// Invariants, the second checked in debug builds:
///   1. `idleCount + lentCount <= limit`.
///   2. A stack is in the free list or owned by a context, never both: its head says which.
@safe public final class StackPool {
  // Invariant: `core` is ours until deinit, which frees it or leaves that to the last takeBack.
  @usableFromInline let core: UnsafeMutablePointer<StackPoolCore>

  /// The least usable bytes of a stack.
  ///
  /// Swift's own functions need more: a trap writes its message with 16 KiB.
  public static let stackSizeLeast = ByteCount.kibibytes(4)

  /// Makes an empty pool.
  ///
  /// - Parameters:
  ///   - source: Allocates a slab when no idle stack is left.
  ///   - stackSize: Usable bytes of each stack; rounded up to whole pages.
  ///   - options: Guards, limits, and how pages are returned.
  /// - Precondition: `stackSize` is at least ``stackSizeLeast``, and the options agree.
  public init(
    source: any StackSource = MappedStackSource(), stackSize: ByteCount,
    options: StackPoolOptions = StackPoolOptions()
  ) {
    precondition(stackSize >= Self.stackSizeLeast, "a stack of less than 4 KiB")
    options.check(stackSize)
    unsafe core = .allocate(capacity: 1)
    unsafe core.initialize(
      to: StackPoolCore(
        source: source, stackSize: stackSize.roundedUp(toPagesOf: StackGuard.pageSize),
        options: options))
    unsafe core.pointee.own = core
  }

  /// Makes an empty pool of at most `limit` stacks.
  public convenience init(
    source: any StackSource = MappedStackSource(), stackSize: ByteCount, limit: Int
  ) {
    var options = StackPoolOptions()
    options.limit = limit
    self.init(source: source, stackSize: stackSize, options: options)
  }

  /// Usable bytes of every stack of this pool.
  public var stackSize: ByteCount { unsafe core.pointee.stackSize }

  /// What watches the low ends of its stacks.
  public var stackGuard: StackGuard { unsafe core.pointee.options.stackGuard }

  /// The most stacks, idle and lent together.
  public var limit: Int { unsafe core.pointee.options.limit }

  /// Stacks that are lent.
  public var lentCount: Int { counters.lent }

  /// Stacks that wait to be lent.
  public var idleCount: Int { unsafe core.pointee.idleCount }

  /// What the pool has done and holds.
  public var counters: StackPoolCounters { unsafe core.pointee.countersNow() }

  /// Lends a stack, to be returned to ``takeBack(_:)``.
  ///
  /// - Returns: A stack with at least `stackSize` usable bytes. Their content is unspecified, save
  ///   what ``StackHead/parked`` says.
  /// - Throws: ``StackError/limitReached(count:)``, ``StackError/guardFailed(errno:)``,
  ///   ``StackError/mappingsExhausted(limit:)``, or what the source throws.
  /// - Complexity: O(1); system calls only when no idle stack is left: one for its guard, and one for
  ///   each slab.
  @inlinable @inline(__always) public func lend() throws(StackError) -> Stack {
    try unsafe address.lend()
  }

  /// Takes back a stack that a pool lent, whether that pool is this one or was let go.
  ///
  /// - Complexity: O(1), no system call below the high water; frees a pool that was let go when this
  ///   is its last stack.
  /// - Precondition: A pool lent the stack, and it is not back already. A canary is as it was.
  @inlinable @inline(__always) public static func takeBack(_ stack: consuming Stack) {
    let head = unsafe stack.head
    // SAFETY: a pool lent the stack, and lives until its last stack is back.
    let core = unsafe head.pointee.pool
    let isUsual = unsafe core.pointee.idleCount < core.pointee.careAbove
    unsafe core.pointee.pushIdle(head)
    if _slowPath(!isUsual) { unsafe StackPoolCore.care(for: core, head) }
  }

  /// Takes back a stack that this pool lent, or another one.
  ///
  /// As the static ``takeBack(_:)-swift.type.method``: the stack knows its pool.
  @inlinable public func takeBack(_ stack: consuming Stack) { Self.takeBack(stack) }

  /// Returns the pages of idle stacks, and whole slabs of them to the source.
  ///
  /// - Parameter keep: So many idle stacks stay as they are, those that were used last.
  /// - Returns: Bytes of stacks that were given up, guards not included.
  /// - Throws: ``StackError/trimFailed(errno:)``, ``StackError/releaseFailed(source:errno:)`` or
  ///   ``StackError/guardFailed(errno:)`` when the system refused a part; all else is done, and what
  ///   is left is used again.
  /// - Complexity: O(idle stacks + slabs), and a system call for each slab or run of neighbours.
  @discardableResult public func trim(keeping keep: Int = 0) throws(StackError) -> ByteCount {
    precondition(keep >= 0, "a negative number of stacks")
    return try unsafe StackPoolCore.trim(core, keeping: keep)
  }

  /// Makes stacks until so many are idle, each with its top page in memory.
  ///
  /// - Throws: As ``lend()`` does; what was made stays.
  /// - Complexity: O(`count`).
  public func prewarm(_ count: Int) throws(StackError) {
    // Above the high water they would be trimmed as soon as one comes back.
    let most = unsafe core.pointee.options.highWater
    precondition(count <= most, "more stacks to prewarm than the pool keeps idle")
    var made: [UnsafeMutablePointer<StackHead>] = unsafe []
    defer { while let head = unsafe made.popLast() { unsafe core.pointee.pushIdle(head) } }
    while unsafe made.count + core.pointee.idleCount < count {
      unsafe made.append(try StackPoolCore.make(for: core).head)
    }
  }

  /// The system call that is to fail on purpose, counted from now; 0 for none.
  ///
  /// It is not made, and failed with `ENOMEM`. For tests of what a pool and its users do then.
  public var failingCall: Int {
    get { unsafe core.pointee.failingCall }
    set { unsafe core.pointee.failingCall = newValue }
  }

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

  /// Whether taking a stack back may free it, so that nobody may be on it then: its pool was let go,
  /// or looks at the stacks that come back.
  ///
  /// - Safety: `head` must belong to a stack that is not destroyed.
  @unsafe @inlinable @inline(__always) public static func isAbandoned(
    _ head: UnsafeMutablePointer<StackHead>
  ) -> Bool {
    unsafe head.pointee.pool.pointee.isOrphan
  }

  deinit {
    unsafe core.pointee.isOrphan = true
    unsafe core.pointee.careAbove = 0
    unsafe StackPoolCore.settle(core)
  }
}
