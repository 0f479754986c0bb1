// Slices: the stack that the sliced greenlets of a thread share, and who has bytes on it.

import CSanitizers
import CSwitch
import Stacks

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What the slices of a thread have cost so far, and hold now.
public struct SliceCounters: Hashable, Sendable {
  /// Bytes copied out of the shared stack so far.
  public internal(set) var savedBytes = 0

  /// Bytes copied back so far.
  public internal(set) var restoredBytes = 0

  /// Bytes of suspended frames that are not on the shared stack now.
  public internal(set) var heldBytes = 0

  /// Blocks for copies that were made larger so far.
  public internal(set) var allocations = 0
}

/// The stack that the sliced greenlets of a thread share.
///
/// Greenlet's own technique, but on a stack apart from the thread's: main's frames are never in the
/// way, so they are never copied. A greenlet that is started by a sliced one begins right below its
/// frames; one that is started by any other begins at the top, as if main's frames ended there.
///
/// Invariant: from `owner` along `previous` lie exactly the greenlets that have bytes in place, in
/// order of rising ends.
@safe struct SliceRegion {
  let pool: StackPool
  let head: UnsafeMutablePointer<StackHead>

  /// The newest owner: the sliced greenlet that runs, or ran last.
  var owner: Slice?
  var counters = SliceCounters()

  /// Copies while nobody is on the region, on a stack of its own; see SliceMover.swift.
  var mover = SliceMover()

  /// Who is about to be left for good.
  var departure: SliceDeparture?

  /// Where that one is saved: nobody continues it.
  var dead = unsafe gb_context()

  /// A block for whoever leaves next, in case that there is no memory by then.
  private var spare: UnsafeMutableRawPointer?
  private var spareWords = 0

  /// Where copies are packed before it is known how long they are.
  private var scratch: UnsafeMutableRawPointer?
  private var scratchWords = 0

  /// Room below which one begins at the top, whoever starts it.
  private static let roomLeast: UInt = 256 << 10

  /// How far below the frame that looks the one may lie that leaves.
  private static let slack: UInt = 1024

  /// Names the stack that is shared, in its head.
  static let stackName: UInt = 0x736c_6963

  init() throws(StackError) {
    pool = StackPool(stackSize: .mebibytes(8))
    unsafe head = try pool.lend().head
    unsafe head.pointee.parked = Self.stackName
  }

  var lowest: UInt { unsafe UInt(bitPattern: head.pointee.lowest) }
  var top: UInt { unsafe UInt(bitPattern: head) }

  func contains(_ address: UInt) -> Bool { address >= lowest && address < top }

  /// One past the highest address of a slice; nil before it has one.
  func stop(of slice: Slice) -> UInt? {
    let words = slice.header.stop
    return words == 0 ? nil : lowest + UInt(words) * UInt(Slice.word)
  }

  // MARK: - What has to be moved

  /// Where a slice ends, decided when it is about to be continued for the first time.
  ///
  /// - Parameters:
  ///   - target: The slice.
  ///   - sp: Where the frames of the sliced greenlet are that starts it; nil for any other.
  /// - Returns: One past its highest address.
  private func stop(of target: Slice, startedAt sp: UInt?) -> UInt {
    if let known = stop(of: target) { return known }
    guard let sp, sp > lowest + Self.roomLeast else { return top & ~15 }
    return (sp - Self.slack) & ~15
  }

  /// Who is in the way of `target`, and how far up, lowest first.
  private func inTheWay(of target: Slice, endingAt stop: UInt) -> [(slice: Slice, upTo: UInt)] {
    var found: [(slice: Slice, upTo: UInt)] = []
    var one = owner
    while let slice = one, let end = self.stop(of: slice), end < stop {
      found.append((slice, end))
      one = slice.previous
    }
    if let slice = one, slice != target { found.append((slice, stop)) }
    return found
  }

  /// Makes room for all copies that continuing `target` takes, or refuses.
  ///
  /// - Parameters:
  ///   - target: Whom to continue.
  ///   - current: Who runs, if that one is sliced.
  /// - Throws: ``GreenletError/notOnItsStack(greenlet:)`` or
  ///   ``GreenletError/noStack(greenlet:reason:)``; then nothing has moved.
  mutating func reserve(for target: Slice, current: Slice?) throws(GreenletError) {
    var here = 0
    let sp = unsafe withUnsafeMutablePointer(to: &here) { UInt(bitPattern: $0) }
    if let current, !contains(sp) { throw .notOnItsStack(greenlet: current.name) }
    let stop = stop(of: target, startedAt: current == nil ? nil : sp)
    let ways = inTheWay(of: target, endingAt: stop)
    for (slice, _) in ways where slice != current && !contains(slice.start) {
      throw .notOnItsStack(greenlet: slice.name)
    }
    for (slice, upTo) in ways {
      // A suspended one may be copied already now. How much the current one needs is not known
      // before it has left.
      let isMade =
        slice == current
        ? makeSpare(for: slice, upTo: upTo, sp - Self.slack)
        : save(slice, upTo, spendingSpare: false)
      guard isMade else {
        throw .noStack(greenlet: target.name, reason: "no memory for the frames of \(slice.name)")
      }
    }
    target.header.stop = UInt32((stop - lowest) / UInt(Slice.word))
  }

  private mutating func makeSpare(for slice: Slice, upTo: UInt, _ start: UInt) -> Bool {
    guard upTo > start else { return true }
    let words = gb_packed_most(Int(upTo - start) / Slice.word)
    guard makeScratch(words) else { return false }
    // Nothing of one that runs is copied, so the block has to hold this alone.
    if words <= Int(slice.header.capacity) || words <= spareWords { return true }
    // SAFETY: the region's own block, or none.
    guard let block = unsafe realloc(spare, SliceHeader.room + words * Slice.word) else {
      return false
    }
    unsafe spare = block
    spareWords = words
    return true
  }

  private mutating func makeScratch(_ words: Int) -> Bool {
    if words <= scratchWords { return true }
    // SAFETY: the region's own block, or none.
    guard let block = unsafe realloc(scratch, words * Slice.word) else { return false }
    unsafe scratch = block
    scratchWords = words
    return true
  }

  /// Moves slices so that `target` can be continued.
  ///
  /// - Precondition: Nobody runs on the region; `reserve` was called.
  mutating func arrange(for target: Slice) {
    guard let stop = stop(of: target) else { preconditionFailure("a slice without a place") }
    let isNew = target.header.previous == SliceHeader.notRun
    for (slice, upTo) in inTheWay(of: target, endingAt: stop) {
      guard save(slice, upTo, spendingSpare: true) else {
        preconditionFailure("a slice without room for its copy")
      }
    }
    let restored = target.restore()
    counters.restoredBytes += restored
    counters.heldBytes -= restored
    var one = owner
    while let slice = one, let end = self.stop(of: slice), end <= stop { one = slice.previous }
    target.header.previous = unsafe UInt(bitPattern: one?.core)
    owner = target
    vacate(below: isNew ? stop : target.start, stop)
    if isNew {
      // SAFETY: `stop` lies in the region, and what was below it is saved.
      unsafe gb_context_init(
        GreenletCell(core: target.core).context, UnsafeMutableRawPointer(bitPattern: stop),
        greenletMain, target.core)
    }
  }

  /// - Returns: Whether there was memory.
  private mutating func save(_ slice: Slice, _ upTo: UInt, spendingSpare: Bool) -> Bool {
    let words = slice.wordsLeft(upTo: upTo)
    let packed = gb_packed_most(words)
    guard makeScratch(packed == words ? 1 : packed), let scratch = unsafe scratch else {
      return false
    }
    let saved = unsafe slice.save(upTo: upTo, scratch: scratch) { missing in
      if slice.grow(by: missing) {
        counters.allocations += 1
        return true
      }
      guard spendingSpare, let block = unsafe spare,
        spareWords >= Int(slice.header.capacity) + missing
      else {
        return false
      }
      unsafe slice.move(to: block, capacity: spareWords)
      unsafe spare = nil
      spareWords = 0
      return true
    }
    guard let saved else { return false }
    counters.savedBytes += saved
    counters.heldBytes += saved
    return true
  }

  /// Makes the bytes below a slice nobody's: for the sanitizer, and for whoever still points there.
  private func vacate(below start: UInt, _ stop: UInt) {
    guard let low = unsafe UnsafeMutableRawPointer(bitPattern: lowest) else { return }
    // Red zones of frames that were moved away would be taken for those of the next ones.
    if gb_sanitizers_are_on() { unsafe gb_stack_is_free(low, Int(stop - lowest)) }
    // One that waits in a coroutine goes on there; where its frames end here is not known.
    guard start <= stop, start >= lowest else { return }
    // A slice goes on, or begins, below where the last one left the stack pointer.
    unsafe gb_stack_is_to_be_written(low, Int(start - lowest))
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
  mutating func forget(_ slice: Slice) -> UnsafeMutablePointer<gb_context> {
    precondition(owner == slice, "a sliced greenlet that ends is the one that runs")
    owner = slice.previous
    // SAFETY: a region stays where it is.
    return unsafe withUnsafeMutablePointer(to: &dead) { unsafe $0 }
  }

  /// Frees what is left of a region on which nobody is.
  mutating func freeSpare() {
    unsafe free(spare.take())
    unsafe free(scratch.take())
    (spareWords, scratchWords) = (0, 0)
  }
}

extension GreenletHub {
  /// Frees the block of a sliced greenlet that has left for good.
  static func freeSlice(_ block: UnsafeMutableRawPointer) { unsafe free(block) }
}
