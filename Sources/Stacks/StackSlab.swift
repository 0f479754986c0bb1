// A slab: one piece of a source's memory, out of which neighbouring stacks are carved.

/// How the stacks of a pool lie in their slabs.
struct StackLayout {
  /// Bytes between one stack and the next.
  let stride: Int
  let guardBytes: Int

  /// Stacks in a slab.
  let count: Int
  let alignment: Int
  let colours: Int

  /// Large pieces cost few calls and few mappings; a slab of more would be trimmed too seldom.
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

/// What is known of a slab, apart from its memory: an idle slab's memory may be gone.
@safe @usableFromInline struct StackSlab {
  let base: UnsafeMutableRawPointer

  /// Slots without a stack: never carved, or trimmed since.
  var bare: UInt64

  /// Slots whose guard is in place.
  var guarded: UInt64 = 0

  /// The next slab of the pool that has bare slots.
  var nextBare: UnsafeMutablePointer<StackSlab>?
  var isListedBare = false

  /// Whether the source has its memory back.
  var isGone = false

  /// Slots that a trim has picked.
  var picked: UInt64 = 0

  init(base: UnsafeMutableRawPointer, layout: StackLayout) {
    unsafe self.base = base
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
