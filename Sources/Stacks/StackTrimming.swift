// Giving memory back: pages of idle stacks to the system, whole slabs to their source.

import CSanitizers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension StackPoolCore {
  /// Gives up idle stacks; see ``StackPool/trim(keeping:)``.
  static func trim(
    _ core: UnsafeMutablePointer<StackPoolCore>, keeping keep: Int
  ) throws(StackError) -> ByteCount {
    let picked = unsafe core.pointee.pickIdle(after: keep)
    var bytes = 0
    var failure: StackError?
    for index in unsafe 0..<picked.count {
      let (slab, block) = unsafe (picked[index], picked[index].pointee.block)
      bytes += unsafe slab.pointee.picked.nonzeroBitCount * core.pointee.stackSize.bytes
      do {
        if unsafe !block.pointee.isBare(core.pointee.layout) {
          try unsafe core.pointee.returnPicked(of: slab)
        }
      } catch {
        // The others may still be returned; the first refusal is told.
        failure = failure ?? error
      }
    }
    // All that are bare, also those that were refused before.
    for index in unsafe 0..<core.pointee.blocks.count {
      let block = unsafe core.pointee.blocks[index]
      guard unsafe block.pointee.isBare(core.pointee.layout) else { continue }
      do { try unsafe core.pointee.release(block) } catch {
        failure = failure ?? error
        do { try unsafe core.pointee.returnAll(of: block) } catch {
          // Told already; the pages are tried again with the block.
        }
      }
    }
    for index in unsafe 0..<picked.count { unsafe picked[index].pointee.picked = 0 }
    unsafe core.pointee.listBare()
    if let failure { throw failure }
    return ByteCount(bytes)
  }

  /// Takes idle stacks off the list, and makes their slots bare.
  ///
  /// - Returns: The slabs that they are in.
  private mutating func pickIdle(after keep: Int) -> [UnsafeMutablePointer<StackSlab>] {
    var found: [UnsafeMutablePointer<StackSlab>] = unsafe []
    var last: UnsafeMutablePointer<StackHead>?
    var next = unsafe idle
    for _ in 0..<min(keep, idleCount) {
      unsafe last = next
      unsafe next = next?.pointee.next
    }
    if let last = unsafe last { unsafe last.pointee.next = nil } else { unsafe idle = nil }
    while let head = unsafe next {
      unsafe next = head.pointee.next
      let slab = unsafe head.pointee.slab
      let bit: UInt64 = unsafe 1 << UInt64(slab.pointee.slot(of: head, layout))
      unsafe gb_stack_is_gone(head.pointee.lowest)
      if unsafe slab.pointee.picked == 0 { unsafe found.append(slab) }
      unsafe slab.pointee.picked |= bit
      unsafe slab.pointee.bare |= bit
      idleCount -= 1
      counts.owned -= 1
      counts.trimmed += 1
    }
    return unsafe found
  }

  /// Gives a block without a stack back to the source.
  private mutating func release(_ block: UnsafeMutablePointer<StackBlock>) throws(StackError) {
    let (base, bytes) = unsafe (block.pointee.base, block.pointee.bytes)
    // Guards go first: the source would hand the memory out with them, and its next owner would fault.
    let guards = unsafe block.pointee.guards
    if guards > 0 {
      if isFailingCall() { throw .guardFailed(errno: ENOMEM) }
      // SAFETY: memory of this pool, without a stack.
      try unsafe options.stackGuard.removeAll(from: base, bytes, count: guards)
      for index in unsafe 0..<block.pointee.begun {
        unsafe block.pointee.slabs[index].guarded = 0
      }
    }
    if isFailingCall() { throw .releaseFailed(source: type(of: source).name, errno: ENOMEM) }
    // Before the memory is somebody else's.
    if layout.guardBytes > 0 { unsafe GuardRegistry.remove(base) }
    do {
      // SAFETY: the block has no stack and no guard.
      try unsafe source.free(base, ByteCount(bytes), alignment: ByteCount(layout.alignment))
    } catch {
      unsafe register(block)
      throw error
    }
    counts.slabs -= unsafe block.pointee.count
    counts.mapped = ByteCount(counts.mapped.bytes - bytes)
    if unsafe fresh == block { unsafe fresh = nil }
    // `listBare` frees what is left of it.
    unsafe block.pointee.isGone = true
  }

  /// Returns the pages of a block without a stack that stays.
  private mutating func returnAll(of block: UnsafeMutablePointer<StackBlock>) throws(StackError) {
    try unsafe returnPages(block.pointee.base, block.pointee.bytes)
  }

  /// Returns the pages of slots that a trim has picked, neighbours together.
  private mutating func returnPicked(of slab: UnsafeMutablePointer<StackSlab>) throws(StackError) {
    var left = unsafe slab.pointee.picked
    while left != 0 {
      let first = left.trailingZeroBitCount
      let run = (~(left >> UInt64(first))).trailingZeroBitCount
      left &= run == 64 ? 0 : ~(((1 << UInt64(run)) - 1) << UInt64(first))
      let lowest = unsafe slab.pointee.limit(of: first, layout) + layout.guardBytes
      // SAFETY: slots without a stack, and the guards between them, which stay.
      try unsafe returnPages(lowest, run * layout.stride - layout.guardBytes)
    }
  }

  /// Returns pages to the system; what is in them is gone.
  mutating func returnPages(
    _ lowest: UnsafeMutableRawPointer, _ bytes: Int
  ) throws(StackError) {
    if isFailingCall() { throw .trimFailed(errno: ENOMEM) }
    let isLazy = options.returning == .lazily
    // SAFETY: the caller's own pages.
    if isLazy, unsafe madvise(lowest, bytes, Int32(MADV_FREE)) == 0 { return }
    // Also where the kernel does not free lazily, and over guards, where it refuses to.
    guard unsafe madvise(lowest, bytes, Int32(MADV_DONTNEED)) == 0 else {
      throw .trimFailed(errno: errno)
    }
  }

  /// Lists the slabs with bare slots anew, and forgets the blocks that were given back.
  private mutating func listBare() {
    unsafe bareSlabs = nil
    var kept: [UnsafeMutablePointer<StackBlock>] = unsafe []
    for index in unsafe 0..<blocks.count {
      let block = unsafe blocks[index]
      if unsafe block.pointee.isGone {
        unsafe block.pointee.forget()
        unsafe block.deinitialize(count: 1)
        unsafe block.deallocate()
        continue
      }
      unsafe kept.append(block)
      for number in unsafe 0..<block.pointee.begun {
        let slab = unsafe block.pointee.slabs + number
        unsafe slab.pointee.isListedBare = false
        if unsafe slab.pointee.bare != 0 { unsafe list(slab) }
      }
    }
    unsafe blocks = unsafe kept
  }
}
