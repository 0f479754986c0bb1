// Slices: the stack that the sliced greenlets of a thread share, and who has bytes on it.

import CSanitizers
import CSwitch
import Stacks

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What is kept of a sliced greenlet outside of its core: the head of a block of the allocator's.
///
/// The copied bytes follow it. They are the lowest ones of the slice, `[sp, sp + saved)`; the rest,
/// `[sp + saved, stop)`, is still in place.
struct SliceHeader {
  /// The highest address of the slice, exclusive; 0 before it has one.
  var stop: UInt = 0

  /// The next owner of bytes in place, towards higher addresses.
  var previous: UInt = 0
  var saved: UInt32 = 0

  /// Bytes that the block has room for.
  var capacity: UInt32 = 0

  /// What `previous` says of one that has not run yet.
  static let notRun: UInt = 1

  static var room: Int { MemoryLayout<SliceHeader>.size }
}

/// What the slices of a thread have cost so far, and hold now.
public struct SliceCounters: Hashable, Sendable {
  /// Bytes copied out of the shared stack so far.
  public internal(set) var savedBytes = 0

  /// Bytes copied back so far.
  public internal(set) var restoredBytes = 0

  /// Bytes of suspended frames that are kept as copies now.
  public internal(set) var heldBytes = 0

  /// Blocks that were made or made larger so far.
  public internal(set) var allocations = 0
}

/// The stack that the sliced greenlets of a thread share.
///
/// Greenlet's own technique, but on a stack apart from the thread's: main's frames are never in the
/// way, so they are never copied. A greenlet that is started by a sliced one begins right below its
/// frames; one that is started by any other begins at the top, as if main's frames ended there.
///
/// Invariant: from `owner` along `previous` lie exactly the greenlets that have bytes in place, in
/// order of rising `stop`.
@safe struct SliceRegion {
  let pool: StackPool
  let head: UnsafeMutablePointer<StackHead>

  /// The newest owner: the sliced greenlet that runs, or ran last.
  var owner: UnsafeMutablePointer<GreenletCore>?
  var counters = SliceCounters()

  /// Copies while nobody is on the region, on a stack of its own; see SliceMover.swift.
  var mover = SliceMover()

  /// Who is about to be left for good.
  var departure: SliceDeparture?

  /// Where that one is saved: nobody continues it.
  var dead = unsafe gb_context()

  /// A block for whoever leaves next, in case that there is no memory by then.
  var spare: UnsafeMutableRawPointer?
  var spareBytes = 0

  /// Room below which one begins at the top, whoever starts it.
  private static let roomLeast: UInt = 256 << 10

  init() throws(StackError) {
    pool = StackPool(stackSize: .mebibytes(8))
    unsafe head = try pool.lend().head
  }

  var lowest: UInt { UInt(bitPattern: unsafe head.pointee.lowest) }
  var top: UInt { unsafe UInt(bitPattern: head) }

  func contains(_ address: UInt) -> Bool { address >= lowest && address < top }

  static func header(
    _ core: UnsafeMutablePointer<GreenletCore>
  ) -> UnsafeMutablePointer<SliceHeader> {
    // SAFETY: a sliced greenlet keeps its block from its start until it is cleared away.
    unsafe core.pointee.kept.unsafelyUnwrapped.assumingMemoryBound(to: SliceHeader.self)
  }

  private static func previous(
    _ core: UnsafeMutablePointer<GreenletCore>
  ) -> UnsafeMutablePointer<GreenletCore>? {
    unsafe UnsafeMutablePointer(bitPattern: header(core).pointee.previous)
  }

  private static func start(_ core: UnsafeMutablePointer<GreenletCore>) -> UInt {
    UInt(bitPattern: unsafe core.pointee.context.sp)
  }

  // MARK: - What has to be moved

  /// How far below this frame the one may lie that leaves.
  private static let slack: UInt = 1024

  /// Where a slice ends, decided when it is about to be continued for the first time.
  ///
  /// - Parameter sp: Where the frames of the sliced greenlet are that starts it; nil for any other.
  private func stop(of target: UnsafeMutablePointer<GreenletCore>, startedAt sp: UInt?) -> UInt {
    let known = unsafe Self.header(target).pointee.stop
    if known != 0 { return known }
    guard let sp, sp > lowest + Self.roomLeast else { return top }
    return (sp - Self.slack) & ~15
  }

  /// Calls `move` with each owner and how far up it is in the way of `target`, lowest first.
  private func visit(
    inTheWayOf target: UnsafeMutablePointer<GreenletCore>, endingAt stop: UInt,
    _ move: (UnsafeMutablePointer<GreenletCore>, UInt) throws(GreenletError) -> Void
  ) throws(GreenletError) {
    var one = unsafe owner
    while let core = unsafe one, unsafe Self.header(core).pointee.stop < stop {
      try unsafe move(core, Self.header(core).pointee.stop)
      unsafe one = Self.previous(core)
    }
    if let core = unsafe one, unsafe core != target { try unsafe move(core, stop) }
  }

  /// Makes room for all copies that continuing `target` takes, or refuses.
  ///
  /// - Parameter current: Who runs, if that one is sliced.
  mutating func reserve(
    for target: UnsafeMutablePointer<GreenletCore>,
    current: UnsafeMutablePointer<GreenletCore>?
  ) throws(GreenletError) {
    var here = 0
    let sp = unsafe withUnsafeMutablePointer(to: &here) { UInt(bitPattern: $0) }
    if let current = unsafe current, !contains(sp) {
      throw .notOnItsStack(greenlet: unsafe current.pointee.name)
    }
    let stop = unsafe stop(of: target, startedAt: current == nil ? nil : sp)
    var wishes: [(GreenletCell?, UInt)] = []
    try unsafe visit(inTheWayOf: target, endingAt: stop) {
      (core, upTo) throws(GreenletError) in
      let start = unsafe core == current ? sp - Self.slack : Self.start(core)
      guard contains(start) else {
        throw .notOnItsStack(greenlet: unsafe core.pointee.name)
      }
      guard upTo > start, unsafe upTo - start > UInt(Self.header(core).pointee.capacity) else {
        return
      }
      // How much the current one needs is not known before it has left.
      wishes.append((unsafe core == current ? nil : GreenletCell(core: core), upTo - start))
    }
    for (cell, bytes) in wishes {
      if let cell {
        try cell.makeSliceRoom(Int(bytes), &counters)
      } else if !makeSpare(Int(bytes)) {
        throw .noStack(
          greenlet: unsafe target.pointee.name, reason: "no memory for a copy of \(bytes) bytes")
      }
    }
    unsafe Self.header(target).pointee.stop = stop
  }

  private mutating func makeSpare(_ bytes: Int) -> Bool {
    if spareBytes >= bytes { return true }
    // SAFETY: the region's own block, or none.
    guard let block = unsafe realloc(spare, SliceHeader.room + bytes) else { return false }
    unsafe spare = block
    spareBytes = bytes
    return true
  }

  /// Gives whoever has left room for a copy.
  private mutating func makeRoom(_ core: UnsafeMutablePointer<GreenletCore>, _ bytes: Int) {
    let cell = unsafe GreenletCell(core: core)
    do { try cell.makeSliceRoom(bytes, &counters) } catch {
      guard let block = unsafe spare, spareBytes >= bytes, let old = unsafe core.pointee.kept else {
        preconditionFailure("a slice without room for its copy")
      }
      let header = unsafe Self.header(core).pointee
      let held = SliceHeader.room + Int(header.saved)
      // SAFETY: two blocks of our own, the new one at least as large.
      unsafe block.copyMemory(from: old, byteCount: held)
      unsafe block.assumingMemoryBound(to: SliceHeader.self).pointee.capacity = UInt32(spareBytes)
      unsafe free(old)
      unsafe core.pointee.kept = block
      unsafe spare = nil
      spareBytes = 0
    }
  }

  /// Frees what is left of a region on which nobody is.
  mutating func freeSpare() {
    unsafe free(spare.take())
    spareBytes = 0
  }

  /// Moves slices so that `target` can be continued.
  ///
  /// - Precondition: Nobody runs on the region; `reserve` was called.
  mutating func arrange(for target: UnsafeMutablePointer<GreenletCore>) {
    let isNew = unsafe Self.header(target).pointee.previous == SliceHeader.notRun
    let stop = unsafe Self.header(target).pointee.stop
    let owners = self
    do {
      try unsafe owners.visit(inTheWayOf: target, endingAt: stop) {
        (core, upTo) throws(GreenletError) in
        unsafe save(core, upTo)
      }
    } catch { preconditionFailure("saving throws nothing") }
    let header = unsafe Self.header(target)
    unsafe restore(target)
    var one = unsafe owner
    while let core = unsafe one, unsafe Self.header(core).pointee.stop <= stop {
      unsafe one = Self.previous(core)
    }
    unsafe header.pointee.previous = UInt(bitPattern: one)
    unsafe owner = target
    vacate(below: unsafe isNew ? stop : Self.start(target), stop)
    if isNew {
      // SAFETY: `stop` lies in the region, and what was below it is saved.
      unsafe gb_context_init(
        GreenletCell(core: target).context, UnsafeMutableRawPointer(bitPattern: stop), greenletMain,
        target)
    }
  }

  /// Copies what is not copied yet of the part of a slice that lies below `upTo`.
  private mutating func save(_ core: UnsafeMutablePointer<GreenletCore>, _ upTo: UInt) {
    let start = unsafe Self.start(core)
    let saved = unsafe UInt(Self.header(core).pointee.saved)
    guard upTo > start + saved else { return }
    let bytes = Int(upTo - start - saved)
    if unsafe Int(saved) + bytes > Int(Self.header(core).pointee.capacity) {
      unsafe makeRoom(core, Int(saved) + bytes)
    }
    let header = unsafe Self.header(core)
    // SAFETY: bytes in place of a suspended greenlet, and its block.
    unsafe gb_copy_frames(
      UnsafeMutableRawPointer(header) + SliceHeader.room + Int(saved),
      UnsafeRawPointer(bitPattern: start + saved), bytes)
    unsafe header.pointee.saved = UInt32(Int(saved) + bytes)
    counters.savedBytes += bytes
    counters.heldBytes += bytes
  }

  /// Copies a slice's bytes back.
  private mutating func restore(_ core: UnsafeMutablePointer<GreenletCore>) {
    let header = unsafe Self.header(core)
    let saved = unsafe Int(header.pointee.saved)
    guard saved > 0 else { return }
    // SAFETY: its own addresses, which nobody else has in use by now.
    unsafe gb_copy_frames(
      UnsafeMutableRawPointer(bitPattern: Self.start(core)),
      UnsafeMutableRawPointer(header) + SliceHeader.room, saved)
    unsafe header.pointee.saved = 0
    counters.restoredBytes += saved
    counters.heldBytes -= saved
  }

  /// Makes the bytes below a slice nobody's: for the sanitizer, and for whoever still points there.
  private func vacate(below start: UInt, _ stop: UInt) {
    guard let low = unsafe UnsafeMutableRawPointer(bitPattern: lowest) else { return }
    if gb_sanitizers_are_on() {
      // Red zones of frames that were moved away would be taken for those of the next ones.
      unsafe gb_stack_is_free(low, Int(stop - lowest))
    }
    assert(
      {
        // Not all of it: a debug build has to run, too.
        let bytes = Int(min(start - lowest, 4096))
        guard let place = unsafe UnsafeMutableRawPointer(bitPattern: start - UInt(bytes)) else {
          return false
        }
        unsafe place.initializeMemory(as: UInt8.self, repeating: 0xa5, count: bytes)
        return true
      }())
  }

  /// Forgets a sliced greenlet that has come to its end and is the newest owner.
  ///
  /// - Returns: Where it is saved when it is left.
  mutating func forget(
    _ core: UnsafeMutablePointer<GreenletCore>
  ) -> UnsafeMutablePointer<gb_context> {
    precondition(unsafe owner == core, "a sliced greenlet that ends is the one that runs")
    unsafe owner = Self.previous(core)
    // SAFETY: a region stays where it is.
    return unsafe withUnsafeMutablePointer(to: &dead) { unsafe $0 }
  }

  /// Where the bytes of an address of a suspended slice lie now.
  func place(of address: UInt, _ core: UnsafeMutablePointer<GreenletCore>) -> UnsafeRawPointer? {
    let header = unsafe Self.header(core)
    let start = unsafe Self.start(core)
    guard address >= start, unsafe address < header.pointee.stop else { return nil }
    let offset = address - start
    guard unsafe offset < UInt(header.pointee.saved) else {
      return unsafe UnsafeRawPointer(bitPattern: address)
    }
    return unsafe UnsafeRawPointer(header) + SliceHeader.room + Int(offset)
  }
}

extension GreenletCell {
  /// Makes the block of a sliced greenlet, or makes it larger.
  func makeSliceRoom(_ bytes: Int, _ counters: inout SliceCounters) throws(GreenletError) {
    let old = unsafe core.pointee.kept
    let size = SliceHeader.room + (bytes + 7) & ~7
    // SAFETY: the greenlet's own block, or none; no other pointer to it is kept.
    guard let block = unsafe realloc(old, size) else {
      throw .noStack(
        greenlet: unsafe core.pointee.name, reason: "no memory for a copy of \(bytes) bytes")
    }
    let header = unsafe block.assumingMemoryBound(to: SliceHeader.self)
    if unsafe old == nil {
      unsafe header.initialize(to: SliceHeader())
      unsafe header.pointee.previous = SliceHeader.notRun
    }
    unsafe header.pointee.capacity = UInt32(size - SliceHeader.room)
    unsafe core.pointee.kept = block
    counters.allocations += 1
  }
}

extension GreenletHub {
  /// Frees the block of a sliced greenlet that has left for good.
  static func freeSlice(_ block: UnsafeMutableRawPointer) { unsafe free(block) }
}
