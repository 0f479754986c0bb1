// What a pool is made of, apart from its handle: the free list, the slabs, the counts.

import CSanitizers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a pool is made of, apart from its handle.
@safe @usableFromInline struct StackPoolCore {
  @usableFromInline var idle: UnsafeMutablePointer<StackHead>?
  @usableFromInline var idleCount = 0

  /// With so many idle stacks, one that comes back needs more than to be put on the list.
  @usableFromInline var careAbove: Int

  /// Whether the pool was let go.
  @usableFromInline var isOrphan = false

  let source: any StackSource
  let stackSize: ByteCount
  let options: StackPoolOptions
  let layout: StackLayout
  var blocks: [UnsafeMutablePointer<StackBlock>] = unsafe []

  /// The block with slabs that were not begun.
  var fresh: UnsafeMutablePointer<StackBlock>?

  /// This core's address, for the heads of its stacks.
  var own: UnsafeMutablePointer<StackPoolCore>?

  /// Slabs with slots to carve.
  var bareSlabs: UnsafeMutablePointer<StackSlab>?
  var counts = StackPoolCounters()
  var failingCall = 0

  init(source: any StackSource, stackSize: ByteCount, options: StackPoolOptions) {
    self.source = source
    self.stackSize = stackSize
    self.options = options
    layout = StackLayout(
      stackSize: stackSize, stackGuard: options.stackGuard, hugePages: options.hugePages)
    let looksAtEach = gb_sanitizers_are_on() || options.stackGuard == .canary
    careAbove = looksAtEach ? 0 : options.highWater
  }

  @inlinable @inline(__always) mutating func popIdle() -> UnsafeMutablePointer<StackHead>? {
    guard let head = unsafe idle else { return nil }
    unsafe idle = head.pointee.next
    idleCount &-= 1
    unsafe head.pointee.markLent(true)
    return unsafe head
  }

  @inlinable @inline(__always) mutating func pushIdle(_ head: UnsafeMutablePointer<StackHead>) {
    unsafe head.pointee.markLent(false)
    unsafe head.pointee.next = idle
    unsafe idle = head
    idleCount &+= 1
  }

  func countersNow() -> StackPoolCounters {
    var now = counts
    now.idle = idleCount
    return now
  }

  /// Counts a system call that is about to be made.
  ///
  /// - Returns: Whether it is the one that fails on purpose.
  mutating func isFailingCall() -> Bool {
    counts.systemCalls += 1
    guard failingCall > 0 else { return false }
    failingCall -= 1
    return failingCall == 0
  }

  // MARK: - Making stacks

  /// Lends a stack that is carved anew.
  @usableFromInline @inline(never) static func make(
    for core: UnsafeMutablePointer<StackPoolCore>
  ) throws(StackError) -> Stack {
    try unsafe core.pointee.carve()
  }

  private mutating func carve() throws(StackError) -> Stack {
    guard counts.owned < options.limit else { throw .limitReached(count: options.limit) }
    if unsafe bareSlabs == nil { try beginSlab() }
    guard let slab = unsafe bareSlabs else { preconditionFailure("a slab without bare slots") }
    let slot = unsafe slab.pointee.bare.trailingZeroBitCount
    let bit: UInt64 = 1 << UInt64(slot)
    let limit = unsafe slab.pointee.limit(of: slot, layout)
    // The words of a canary go with the pages of a stack that is trimmed.
    if unsafe slab.pointee.guarded & bit == 0 || options.stackGuard == .canary {
      if isFailingCall() { throw .guardFailed(errno: ENOMEM) }
      // SAFETY: the lowest bytes of a slot on which there is no stack.
      try unsafe options.stackGuard.install(at: limit)
      unsafe slab.pointee.guarded |= bit
    }
    unsafe slab.pointee.bare &= ~bit
    if unsafe slab.pointee.bare == 0 {
      unsafe bareSlabs = slab.pointee.nextBare
      unsafe slab.pointee.isListedBare = false
    }
    let head = unsafe slab.pointee.head(of: slot, layout)
    unsafe writeHead(head, slab, slot)
    unsafe gb_stack_is_made(
      head.pointee.lowest, layout.stride - layout.guardBytes)
    counts.carved += 1
    counts.owned += 1
    counts.lentMost = max(counts.lentMost, counts.owned - idleCount)
    // SAFETY: the slot was bare, so nobody has its stack.
    return unsafe Stack(head: head)
  }

  /// Writes the head of a lent stack, where there is none or its page is gone.
  mutating func writeHead(
    _ head: UnsafeMutablePointer<StackHead>, _ slab: UnsafeMutablePointer<StackSlab>, _ slot: Int
  ) {
    let limit = unsafe slab.pointee.limit(of: slot, layout)
    guard let own = unsafe own else { preconditionFailure("a pool that is not made yet") }
    unsafe head.initialize(
      to: StackHead(
        pool: own, slab: slab, limit: limit, layout: layout, colour: layout.colour(of: slot)))
    unsafe head.pointee.markLent(true)
  }

  /// Lists a slab of which no stack was carved.
  private mutating func beginSlab() throws(StackError) {
    if unsafe fresh == nil { try addBlock() }
    guard let block = unsafe fresh else { preconditionFailure("a block without slabs") }
    let index = unsafe block.pointee.begun
    let slab = unsafe block.pointee.slabs + index
    unsafe slab.initialize(
      to: StackSlab(
        base: block.pointee.base + index * layout.slabSize.bytes, block: block, layout: layout))
    unsafe block.pointee.begun += 1
    if unsafe block.pointee.begun == block.pointee.count { unsafe fresh = nil }
    unsafe list(slab)
  }

  private mutating func addBlock() throws(StackError) {
    var count = StackBlock.count(after: counts.slabs)
    while true {
      do { return try addBlock(of: count) } catch {
        // Where there is no room for so much, there may be for less.
        guard count > 1, failingCall == 0 else { throw error }
        count /= 2
      }
    }
  }

  private mutating func addBlock(of count: Int) throws(StackError) {
    let size = ByteCount(count * layout.slabSize.bytes)
    if isFailingCall() {
      throw .allocationFailed(source: type(of: source).name, size: size, errno: ENOMEM)
    }
    let base = try unsafe source.allocate(size, alignment: ByteCount(layout.alignment))
    #if os(Linux)
      // Where huge pages are the rule, one would make a whole slab resident at its first touch. It is
      // advice: a kernel without huge pages refuses it and needs none.
      counts.systemCalls += 1
      unsafe madvise(base, size.bytes, options.hugePages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE)
    #endif
    if options.measuresDepth {
      counts.systemCalls += 1
      // SAFETY: fresh memory of ours. Where it fails, marks are of whoever had the memory before.
      unsafe madvise(base, size.bytes, Int32(MADV_DONTNEED))
    }
    let block = UnsafeMutablePointer<StackBlock>.allocate(capacity: 1)
    unsafe block.initialize(to: StackBlock(base: base, bytes: size.bytes, count: count))
    unsafe blocks.append(block)
    unsafe register(block)
    unsafe fresh = block
    counts.slabs += count
    counts.mapped = ByteCount(counts.mapped.bytes + size.bytes)
  }

  /// Makes the guards of a block known to the report of overflows.
  func register(_ block: UnsafeMutablePointer<StackBlock>) {
    guard layout.guardBytes > 0 else { return }
    // SAFETY: a slot's guard is in place as long as there is a stack in it.
    unsafe GuardRegistry.add(
      block.pointee.base, stride: ByteCount(layout.stride),
      guardSize: ByteCount(layout.guardBytes), stackSize: stackSize,
      count: block.pointee.count * layout.count)
  }

  /// Puts a slab with bare slots on the list, unless it is there.
  mutating func list(_ slab: UnsafeMutablePointer<StackSlab>) {
    guard unsafe !slab.pointee.isListedBare else { return }
    unsafe slab.pointee.isListedBare = true
    unsafe slab.pointee.nextBare = bareSlabs
    unsafe bareSlabs = slab
  }

  // MARK: - Taking care

  /// Does what a stack that came back needs: above the high water, with a canary, under a sanitizer,
  /// or in a pool that was let go.
  @usableFromInline @inline(never) static func care(
    for core: UnsafeMutablePointer<StackPoolCore>, _ head: UnsafeMutablePointer<StackHead>
  ) {
    let lowest = unsafe head.pointee.lowest
    // SAFETY: a stack of this pool; its guard is in place.
    let isIntact = unsafe core.pointee.options.stackGuard.isIntact(at: head.pointee.limit)
    precondition(isIntact, "a stack has overflowed its canary; give the pool a larger stack size")
    // SAFETY: the usable bytes of an idle stack, on which nobody runs.
    unsafe gb_stack_is_free(lowest, UnsafeMutableRawPointer(head) - lowest)
    if unsafe core.pointee.isOrphan { return unsafe settle(core) }
    if unsafe core.pointee.idleCount > core.pointee.options.highWater {
      // What the system refuses is counted, and left for the next time. The stack that came back is
      // the first of those that stay: somebody may still be leaving it.
      do { _ = try unsafe trim(core, keeping: core.pointee.options.lowWater) } catch {
        unsafe core.pointee.counts.trimsFailed += 1
      }
    }
  }

  /// Frees the idle stacks of a pool that was let go, and the core with the last stack.
  @usableFromInline @inline(never) static func settle(
    _ core: UnsafeMutablePointer<StackPoolCore>
  ) {
    guard unsafe core.pointee.counts.owned == core.pointee.idleCount else { return }
    // What cannot be given back now never is, and only costs addresses: the guards stay.
    do { _ = try unsafe trim(core, keeping: 0) } catch {
      unsafe core.pointee.counts.trimsFailed += 1
    }
    let blocks = unsafe core.pointee.blocks
    for index in unsafe 0..<blocks.count {
      unsafe blocks[index].pointee.forget()
      unsafe blocks[index].deinitialize(count: 1)
      unsafe blocks[index].deallocate()
    }
    // SAFETY: the pool is gone and nothing is lent, so nobody else knows the core.
    unsafe core.deinitialize(count: 1)
    unsafe core.deallocate()
  }
}
