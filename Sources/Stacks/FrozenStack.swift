// Freezing: the live bytes of a suspended stack in a small block, its pages returned.

import CSanitizers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What is left of a lent stack whose pages were returned.
///
/// A suspended context keeps its live frames, which are few hundred bytes as a rule, and a stack keeps
/// whole pages. The frames are packed into a block of the allocator's, and come back to the very same
/// addresses: pointers into the stack are good again as soon as it has thawed. The addresses and the
/// guard stay the stack's own meanwhile.
///
/// A copy is made once and thawed once. It does not free itself.
@safe @frozen public struct FrozenStack {
  /// What is known of the stack, before its bytes in the block.
  @safe struct Header {
    let pool: UnsafeMutablePointer<StackPoolCore>
    let slab: UnsafeMutablePointer<StackSlab>
    let slot: UInt32
    let words: UInt32
  }

  private static let word = MemoryLayout<UInt>.size

  // Invariant: a block that `freeze` made and `thaw` has not freed.
  let block: UnsafeMutableRawPointer

  /// Copies the live bytes of a stack, and returns its pages.
  ///
  /// - Parameters:
  ///   - head: The head of a lent stack on which nobody runs.
  ///   - lowest: The lowest live byte, as a suspended context's stack pointer.
  /// - Returns: What thaws it; nobody may look at the head or the stack before.
  /// - Throws: ``StackError/allocationFailed(source:size:errno:)`` or
  ///   ``StackError/trimFailed(errno:)``; then the stack is as it was.
  /// - Complexity: O(live bytes) and one system call.
  /// - Safety: All bytes below `lowest` must be dead, but for the stack's guard.
  @unsafe public static func freeze(
    _ head: UnsafeMutablePointer<StackHead>, from lowest: UnsafeMutableRawPointer
  ) throws(StackError) -> FrozenStack {
    let bytes = unsafe UnsafeMutableRawPointer(head) - lowest
    let (pool, slab) = unsafe (head.pointee.pool, head.pointee.slab)
    precondition(
      unsafe lowest >= head.pointee.lowest && bytes > 0, "a stack pointer outside of its stack")
    let words = bytes / word
    // SAFETY: live bytes of a stack on which nobody runs.
    guard let block = unsafe gb_pack_new(MemoryLayout<Header>.size, lowest, words) else {
      throw .allocationFailed(source: "malloc", size: ByteCount(bytes), errno: ENOMEM)
    }
    let slot = unsafe slab.pointee.slot(of: head, pool.pointee.layout)
    unsafe block.assumingMemoryBound(to: Header.self).initialize(
      to: Header(pool: pool, slab: slab, slot: UInt32(slot), words: UInt32(words)))
    do {
      let usable = unsafe head.pointee.lowest
      // SAFETY: all pages of the stack, whose live bytes are in the block.
      try unsafe pool.pointee.returnPages(usable, pool.pointee.stackSize.bytes)
    } catch {
      unsafe free(block)
      throw error
    }
    unsafe slab.pointee.frozen |= 1 << UInt64(slot)
    unsafe pool.pointee.counts.frozen += 1
    return unsafe FrozenStack(block: block)
  }

  /// Puts the live bytes back where they were.
  ///
  /// - Returns: The stack's head.
  /// - Complexity: O(live bytes), and the faults of the pages that they lie in.
  @discardableResult public func thaw() -> UnsafeMutablePointer<StackHead> {
    let header = unsafe block.load(as: Header.self)
    let (pool, slab) = unsafe (header.pool, header.slab)
    let slot = Int(header.slot)
    let head = unsafe slab.pointee.head(of: slot, pool.pointee.layout)
    // SAFETY: the stack is lent to whoever froze it, and its pages are writable.
    unsafe pool.pointee.writeHead(head, slab, slot)
    let words = Int(header.words)
    // SAFETY: the same bytes, in the same place.
    unsafe gb_unpack_frames(
      UnsafeMutableRawPointer(head) - words * Self.word, block + MemoryLayout<Header>.size, words)
    unsafe free(block)
    // The words of a canary went with the pages; the lowest ones are not in use.
    if unsafe pool.pointee.options.stackGuard == .canary {
      unsafe StackGuard.restoreCanary(at: head.pointee.limit)
    }
    unsafe slab.pointee.frozen &= ~(1 << UInt64(slot))
    unsafe pool.pointee.counts.thawed += 1
    return unsafe head
  }

  /// For whoever keeps it in raw memory.
  @unsafe public var address: UnsafeMutableRawPointer { unsafe block }

  init(block: UnsafeMutableRawPointer) { unsafe self.block = block }

  /// What was kept by its ``address``.
  ///
  /// - Safety: It must not have thawed.
  @unsafe public init(address: UnsafeMutableRawPointer) { unsafe block = address }

  /// Live bytes of the stack.
  public var bytes: Int { unsafe Int(block.load(as: Header.self).words) * Self.word }

  /// The word at an address of the stack; nil when it was not live.
  ///
  /// For whoever looks at frozen frames.
  ///
  /// - Complexity: O(1) for few frames.
  public func word(at address: UInt) -> UInt? {
    let header = unsafe block.load(as: Header.self)
    let head = unsafe header.slab.pointee.head(of: Int(header.slot), header.pool.pointee.layout)
    let words = Int(header.words)
    let base = UInt(bitPattern: head) - UInt(words * Self.word)
    let offset = Int(bitPattern: address) - Int(bitPattern: base)
    guard offset >= 0, offset < words * Self.word else { return nil }
    return unsafe UInt(
      gb_packed_word(block + MemoryLayout<Header>.size, words, offset / Self.word, base))
  }
}
