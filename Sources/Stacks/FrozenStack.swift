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
/// whole pages. The frames are copied into a block of the allocator's, and come back to the very same
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
    let bytes: UInt32
  }

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
    let size = MemoryLayout<Header>.size + bytes
    guard let block = unsafe malloc(size) else {
      throw .allocationFailed(source: "malloc", size: ByteCount(size), errno: ENOMEM)
    }
    let slot = unsafe slab.pointee.slot(of: head, pool.pointee.layout)
    unsafe block.assumingMemoryBound(to: Header.self).initialize(
      to: Header(pool: pool, slab: slab, slot: UInt32(slot), bytes: UInt32(bytes)))
    // SAFETY: live bytes of a stack on which nobody runs, and the block made above.
    unsafe gb_copy_frames(block + MemoryLayout<Header>.size, lowest, bytes)
    do {
      let usable = unsafe head.pointee.lowest
      // SAFETY: all pages of the stack, whose live bytes are in the block.
      try unsafe pool.pointee.returnPages(usable, pool.pointee.stackSize.bytes)
    } catch {
      unsafe free(block)
      throw error
    }
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
    let bytes = Int(header.bytes)
    // SAFETY: the same bytes, in the same place.
    unsafe gb_copy_frames(
      UnsafeMutableRawPointer(head) - bytes, block + MemoryLayout<Header>.size, bytes)
    unsafe free(block)
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

  /// Live bytes that are kept.
  public var bytes: Int { unsafe Int(block.load(as: Header.self).bytes) }

  /// Where the bytes of an address of the stack lie now; nil when it was not live.
  ///
  /// For whoever looks at frozen frames; valid until the stack thaws.
  @unsafe public func place(of address: UInt) -> UnsafeRawPointer? {
    let header = unsafe block.load(as: Header.self)
    let head = unsafe header.slab.pointee.head(
      of: Int(header.slot), header.pool.pointee.layout)
    let bytes = Int(header.bytes)
    let offset = Int(bitPattern: address) - (Int(bitPattern: head) - bytes)
    guard offset >= 0, offset < bytes else { return nil }
    return unsafe UnsafeRawPointer(block + MemoryLayout<Header>.size + offset)
  }
}
