// Slabs of neighbouring stacks, and the blocks of a source's memory that they lie in.

/// How the stacks of a pool lie in their slabs.
struct StackLayout {
  /// Bytes between one stack and the next.
  let stride: Int
  let guardBytes: Int

  /// Stacks in a slab.
  let count: Int
  let alignment: Int
  let colours: Int

  /// Neighbours share page tables and calls; a slab of more would seldom be wholly idle.
  private static let slabBytes = 8 << 20

  /// As many as a word has bits.
  private static let most = 64
  private static let hugePage = 2 << 20

  init(stackSize: ByteCount, stackGuard: StackGuard, hugePages: Bool) {
    guardBytes = stackGuard.size.bytes
    stride = stackSize.bytes + guardBytes
    alignment = hugePages ? Self.hugePage : StackGuard.pageSize.bytes
    count = min(Self.most, max(1, Self.slabBytes / stride))
    // Thirty-two neighbours get different cache sets for their tops; a small stack has no room.
    colours = max(1, min(32, stackSize.bytes / 8 / StackHead.room))
  }

  /// Bytes of a slab.
  var slabSize: ByteCount {
    ByteCount(count * stride).roundedUp(toPagesOf: ByteCount(alignment))
  }

  /// One bit for each stack of a slab.
  var all: UInt64 { count == 64 ? .max : (1 << UInt64(count)) - 1 }

  /// How far the top of a stack is moved down.
  func colour(of slot: Int) -> Int { slot % colours * StackHead.room }

  /// Where the head of a stack lies, from its limit on.
  func headOffset(of slot: Int) -> Int { stride - StackHead.room - colour(of: slot) }
}

/// What is known of a slab, apart from its memory: an idle slab's pages may be gone.
@safe @usableFromInline struct StackSlab {
  let base: UnsafeMutableRawPointer
  let block: UnsafeMutablePointer<StackBlock>

  /// Slots without a stack: never carved, or trimmed since.
  var bare: UInt64

  /// Slots whose guard is in place.
  var guarded: UInt64 = 0

  /// Slots whose lent stack is frozen.
  var frozen: UInt64 = 0

  /// The next slab of the pool that has bare slots.
  var nextBare: UnsafeMutablePointer<StackSlab>?
  var isListedBare = false

  /// Slots that a trim has picked.
  var picked: UInt64 = 0

  init(
    base: UnsafeMutableRawPointer, block: UnsafeMutablePointer<StackBlock>, layout: StackLayout
  ) {
    unsafe self.base = base
    unsafe self.block = unsafe block
    bare = layout.all
  }

  /// Where a slot begins.
  func limit(of slot: Int, _ layout: StackLayout) -> UnsafeMutableRawPointer {
    unsafe base + slot * layout.stride
  }

  /// Where the head of a slot's stack lies.
  func head(of slot: Int, _ layout: StackLayout) -> UnsafeMutablePointer<StackHead> {
    // SAFETY: inside the slab.
    unsafe (limit(of: slot, layout) + layout.headOffset(of: slot))
      .assumingMemoryBound(to: StackHead.self)
  }

  /// The slot that an address of this slab lies in.
  func slot(of address: UnsafeRawPointer, _ layout: StackLayout) -> Int {
    unsafe (address - UnsafeRawPointer(base)) / layout.stride
  }
}

/// What a source has allocated at once: some slabs.
///
/// The more slabs a pool has, the more it asks for: an allocator keeps records of each of its pieces,
/// and a process has few mappings.
@safe @usableFromInline struct StackBlock {
  let base: UnsafeMutableRawPointer
  let bytes: Int
  let count: Int
  let slabs: UnsafeMutablePointer<StackSlab>

  /// Slabs that were begun; those behind them were never carved.
  var begun = 0

  /// Whether the source has it back.
  var isGone = false

  /// Slabs that a pool with so many asks for next.
  static func count(after slabs: Int) -> Int { min(1024, max(1, slabs / 2)) }

  init(base: UnsafeMutableRawPointer, bytes: Int, count: Int) {
    unsafe self.base = base
    (self.bytes, self.count) = (bytes, count)
    unsafe slabs = .allocate(capacity: count)
  }

  /// Whether it has no stack.
  func isBare(_ layout: StackLayout) -> Bool {
    (0..<begun).allSatisfy { unsafe slabs[$0].bare == layout.all }
  }

  var guards: Int {
    (0..<begun).reduce(0) { sum, index in unsafe sum + slabs[index].guarded.nonzeroBitCount }
  }

  /// Frees what is known of its slabs.
  func forget() {
    unsafe slabs.deinitialize(count: begun)
    unsafe slabs.deallocate()
  }
}
