// Reuse of stacks: a last-in-first-out free list with a limit, over any source.

import CSanitizers

/// A bounded pool of equal stacks, for one thread.
///
/// The last stack that came back is lent first, because its pages are the warmest. A pool that is
/// let go while stacks are lent lives on until the last one is back.
///
/// Invariants, checked after every mutation in debug builds:
///   1. `idleCount + lentCount <= limit`.
///   2. A stack is in the free list or owned by a context, never both.
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
  public var lentCount: Int { unsafe core.pointee.lentCount }
  public var idleCount: Int { unsafe core.pointee.idle.count }

  /// Lends a stack, to be returned to ``StackPoolReference/takeBack(_:)``.
  ///
  /// - Returns: A stack with at least `stackSize` usable bytes. Their content is unspecified.
  /// - Throws: ``StackError/limitReached(count:)``, or what the source throws.
  /// - Complexity: O(1); system calls only when no idle stack is left.
  public func lend() throws(StackError) -> Stack { try unsafe core.pointee.lend() }

  /// Takes back a stack that this pool lent.
  ///
  /// - Complexity: O(1), no system call.
  public func takeBack(_ stack: consuming Stack) { unsafe core.pointee.takeBack(stack) }

  /// A way to give stacks back that does not keep the pool alive.
  public var reference: StackPoolReference { unsafe StackPoolReference(core: core) }

  deinit {
    if unsafe core.pointee.lentCount > 0 {
      unsafe core.pointee.isOrphan = true
    } else {
      // SAFETY: nothing is lent, so nobody else knows the core.
      unsafe StackPoolCore.destroy(core)
    }
  }
}

/// The way back into a pool for whoever holds one of its stacks.
@safe @frozen public struct StackPoolReference {
  // Invariant: valid while a stack of the pool is lent, and used only to give that stack back.
  @usableFromInline let core: UnsafeMutablePointer<StackPoolCore>

  @usableFromInline init(core: UnsafeMutablePointer<StackPoolCore>) { unsafe self.core = core }

  /// Takes back a stack that the pool lent.
  ///
  /// - Complexity: O(1); frees the pool when that was let go and this is its last stack.
  public func takeBack(_ stack: consuming Stack) {
    unsafe core.pointee.takeBack(stack)
    if unsafe core.pointee.isOrphan && core.pointee.lentCount == 0 {
      // SAFETY: the pool is gone and nothing is lent, so nobody else knows the core.
      unsafe StackPoolCore.destroy(core)
    }
  }
}

/// What a pool is made of, apart from its handle.
@safe @usableFromInline struct StackPoolCore {
  let source: any StackSource
  let stackSize: ByteCount
  let limit: Int
  var lentCount = 0
  var isOrphan = false
  var madeCount = 0

  // An array cannot hold noncopyable stacks; it holds what rebuilds them.
  var idle: [IdleStack] = unsafe []

  @unsafe struct IdleStack {
    let base: UnsafeMutableRawPointer
    let mappedSize: ByteCount
    let guardSize: ByteCount
    let colour: Int
  }

  // Thirty-two neighbours get different cache sets for their tops, one line apart.
  static let colours = 32
  static let colourStep = 64

  init(source: any StackSource, stackSize: ByteCount, limit: Int) {
    self.source = source
    self.stackSize = stackSize
    self.limit = limit
  }

  mutating func lend() throws(StackError) -> Stack {
    defer { checkInvariants() }
    if let warmest = unsafe idle.popLast() {
      lentCount += 1
      // SAFETY: the entry left the free list in the same step, so the new stack is its only owner.
      return unsafe Stack(
        limit: warmest.base, mappedSize: warmest.mappedSize, guardSize: warmest.guardSize,
        colour: warmest.colour)
    }
    guard lentCount < limit else { throw .limitReached(count: limit) }
    var stack = try source.makeStack(usableSize: stackSize)
    stack.shift = madeCount % Self.colours * Self.colourStep
    madeCount += 1
    lentCount += 1
    return stack
  }

  mutating func takeBack(_ stack: consuming Stack) {
    defer { checkInvariants() }
    precondition(lentCount > 0, "a stack came back that was never lent")
    lentCount -= 1
    // SAFETY: the usable bytes of a stack that nobody runs on any more.
    unsafe gb_stack_is_free(stack.lowest, stack.usableSize.bytes)
    unsafe idle.append(
      IdleStack(
        base: stack.base, mappedSize: stack.mappedSize, guardSize: stack.guardSize,
        colour: stack.colour))
  }

  /// Frees the idle stacks and the core.
  ///
  /// - Safety: Nothing may be lent, and nobody may use `core` afterwards.
  @unsafe static func destroy(_ core: UnsafeMutablePointer<StackPoolCore>) {
    while let entry = unsafe core.pointee.idle.popLast() {
      // SAFETY: the free list owns the entry, and dies here.
      unsafe core.pointee.source.destroy(
        Stack(
          limit: entry.base, mappedSize: entry.mappedSize, guardSize: entry.guardSize,
          colour: entry.colour))
    }
    unsafe core.deinitialize(count: 1)
    unsafe core.deallocate()
  }

  private func checkInvariants() {
    assert(unsafe idle.count + lentCount <= limit)
    assert(unsafe idle.count < 2 || idle[idle.count - 1].base != idle[idle.count - 2].base)
  }
}
