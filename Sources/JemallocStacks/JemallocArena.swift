// An arena of jemalloc for stacks: large blocks, whose memory our own hooks map, purge and name.

import CExtents
import CJemalloc
public import Stacks
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A place to get large blocks from; all of it may be used by several threads.
///
/// An arena of its own is destroyed with the last reference, and all its addresses are unmapped. If
/// a block is lent even then, it stays good, and the arena stays for ever.
///
/// Invariants:
///   1. A block in jemalloc's hands has no guard: ``free(_:_:alignment:)`` is its only way there.
///   2. `hooks` outlives the arena that calls it.
@safe public final class JemallocArena: Sendable {
  /// Where the blocks come from.
  public let choice: ArenaChoice

  /// Its index; that of all arenas for ordinary memory, which has none.
  private let index: UInt32
  private let flags: Int32

  // Made by init, freed by deinit after the arena; all that C does with it is atomic.
  private nonisolated(unsafe) let hooks: OpaquePointer
  private let lent = Atomic<Int>(0)

  /// Makes an arena that nobody else uses.
  ///
  /// - Throws: ``JemallocError/noArena(errno:)``: there is no memory, or there are 4094 arenas.
  public convenience init(decay: Decay = .tuned) throws(JemallocError) {
    try self.init(.dedicated, decay: decay)
  }

  /// The arena of a choice: a fresh one, that of the process, or ordinary memory.
  ///
  /// - Throws: ``JemallocError/noArena(errno:)``.
  public static func arena(for choice: ArenaChoice) throws(JemallocError) -> JemallocArena {
    guard choice == .shared else { return try JemallocArena(choice, decay: .tuned) }
    return try sharedArena.withLock { arena throws(JemallocError) in
      if let arena { return arena }
      let shared = try JemallocArena(.shared, decay: .tuned)
      arena = shared
      return shared
    }
  }

  private static let sharedArena = Mutex<JemallocArena?>(nil)

  private init(_ choice: ArenaChoice, decay: Decay) throws(JemallocError) {
    // SAFETY: makes a record that belongs to this object alone.
    guard let made = unsafe gb_extents_new() else { throw .noArena(errno: ENOMEM) }
    self.choice = choice
    unsafe hooks = made
    guard choice != .ordinary else {
      (index, flags) = (JemallocControl.allArenas, gb_ordinary_flags())
      return
    }
    var arena: UInt32 = 0
    // SAFETY: the record has no arena yet, and lives until deinit has destroyed this one.
    let failure = unsafe gb_extents_create_arena(made, &arena)
    guard failure == 0 else {
      // SAFETY: no arena knows the record; deinit does not run, since not all is initialized.
      unsafe gb_extents_delete(made)
      throw .noArena(errno: failure)
    }
    (index, flags) = (arena, gb_arena_flags(arena))
    // From here on deinit cleans up. Free neighbours become one range, and jemalloc purges one of
    // 8 MiB at once, whatever the decay is: all slabs would lose their memory whenever two are free.
    try JemallocControl.oversizeThreshold.write(Int.max, arena: index)
    // Each mapping is larger than the one before, else up to as much as all before it together.
    try JemallocControl.growthLimit.write(Self.largestGrowth.bytes, arena: index)
    try setDecay(decay)
  }

  /// The most addresses that are mapped ahead of need.
  static let largestGrowth = ByteCount.mebibytes(64)

  deinit {
    guard choice != .ordinary else {
      // SAFETY: nobody else knows the record.
      unsafe gb_extents_delete(hooks)
      return
    }
    guard lent.load(ordering: .relaxed) == 0 else { return }
    let isDestroyed = JemallocStatistics.arenasAreStable.withLock { _ in
      do {
        // First, so that the parts of each mapping are one range again, and are unmapped as one.
        // Parts would go one by one; another arena may map the hole at once, and jemalloc would join
        // its memory with the part behind, since it tells arenas apart by where mappings begin.
        try JemallocControl.purge.run(arena: index)
        // SAFETY: no block is lent and no reference is left, so nobody uses the arena.
        unsafe gb_extents_end(hooks)
        try JemallocControl.destroy.run(arena: index)
        return true
      } catch {
        // jemalloc refuses while a thread uses the arena for all its memory. It keeps the record.
        return false
      }
    }
    // SAFETY: as above; the arena is gone.
    if isDestroyed { unsafe gb_extents_delete(hooks) }
  }

  /// Blocks that are lent.
  public var lentCount: Int { lent.load(ordering: .relaxed) }

  /// Lends a block, readable and writable.
  ///
  /// - Parameters:
  ///   - size: More than 0.
  ///   - alignment: A power of two, a page or more.
  /// - Returns: Memory of unspecified content, the caller's until ``free(_:_:alignment:)``.
  /// - Throws: ``JemallocError/allocationFailed(from:size:errno:)``; then nothing has changed.
  /// - Complexity: One call into jemalloc, past the cache of the thread.
  public func allocate(
    _ size: ByteCount, alignment: ByteCount = StackGuard.pageSize
  ) throws(JemallocError) -> UnsafeMutableRawPointer {
    precondition(size.bytes > 0, "a block of no bytes")
    precondition(
      alignment.bytes.nonzeroBitCount == 1 && alignment >= StackGuard.pageSize,
      "an alignment of \(alignment) is no power of two of at least a page")
    let fails = unsafe gb_extents_fails(hooks, gb_fault_allocation)
    // SAFETY: jemalloc takes any size and such an alignment, and answers with null.
    guard !fails, let block = unsafe gb_allocate(size.bytes, alignment.bytes, flags) else {
      let errno = unsafe gb_extents_map_error(hooks)
      throw .allocationFailed(from: choice, size: size, errno: errno == 0 ? ENOMEM : errno)
    }
    lent.add(1, ordering: .relaxed)
    return unsafe block
  }

  /// Takes a block back, whatever guards are in it.
  ///
  /// All guards are removed by one call to the kernel, so there is no need to remove them before.
  /// Then jemalloc is asked to look at the clock, since by itself it does so once in 1000 calls of
  /// a thread, and blocks as large as these come and go less often.
  ///
  /// - Throws: ``JemallocError/guardsRemain(errno:)``; then the block is still lent.
  /// - Safety: This arena lent the block, with this size and alignment, and nobody uses it.
  @unsafe public func free(
    _ block: UnsafeMutableRawPointer, _ size: ByteCount,
    alignment: ByteCount = StackGuard.pageSize
  ) throws(JemallocError) {
    // SAFETY: the caller's own block of whole pages.
    let failure = unsafe gb_extents_sweep_guards(hooks, block, size.bytes)
    // jemalloc would lend the block again, and its next owner would fault.
    guard failure == 0 else { throw .guardsRemain(errno: failure) }
    // SAFETY: passes on the caller's duty.
    unsafe gb_free(block, size.bytes, alignment.bytes, flags)
    lent.subtract(1, ordering: .relaxed)
    guard choice != .ordinary else { return }
    do {
      try decayNow()
    } catch {
      // Memory goes back later, or at the next purge; who frees has nothing to do about it.
    }
  }
}

extension JemallocArena {
  /// What jemalloc counts for this arena; of the whole process for ordinary memory.
  ///
  /// - Throws: ``JemallocError/controlFailed(control:errno:)``: jemalloc was built without counts.
  /// - Complexity: O(arenas), some ten microseconds: not for a path that is measured.
  public var statistics: JemallocStatistics {
    get throws(JemallocError) { try JemallocStatistics.read(arena: index) }
  }

  /// What the hooks of this arena did; all 0, but for guards, for ordinary memory.
  public var counts: ExtentCounts {
    // SAFETY: reads words that are atomic.
    let counts = unsafe gb_extents_counts(hooks)
    return ExtentCounts(
      maps: Int(counts.maps), named: Int(counts.named), failedMaps: Int(counts.failed_maps),
      unmaps: Int(counts.unmaps),
      retains: Int(counts.retains), lazyPurges: Int(counts.lazy_purges),
      forcedPurges: Int(counts.forced_purges), failedPurges: Int(counts.failed_purges),
      splits: Int(counts.splits), merges: Int(counts.merges),
      guardSweeps: Int(counts.guard_sweeps), mapped: ByteCount(Int(counts.mapped_bytes)))
  }

  /// How long free memory is kept.
  ///
  /// - Throws: ``JemallocError/notOfItsOwn(control:)`` for ordinary memory.
  public var decay: Decay {
    get throws(JemallocError) {
      try checkIsOwn(.dirtyDecay)
      return Decay(
        dirtyMilliseconds: try JemallocControl.dirtyDecay.read(arena: index, initial: 0),
        muzzyMilliseconds: try JemallocControl.muzzyDecay.read(arena: index, initial: 0))
    }
  }

  /// Sets how long free memory is kept, from now on.
  ///
  /// - Throws: ``JemallocError/notOfItsOwn(control:)`` for ordinary memory.
  public func setDecay(_ decay: Decay) throws(JemallocError) {
    try checkIsOwn(.dirtyDecay)
    try JemallocControl.dirtyDecay.write(decay.dirtyMilliseconds, arena: index)
    try JemallocControl.muzzyDecay.write(decay.muzzyMilliseconds, arena: index)
  }

  /// Gives the memory of all free blocks back to the kernel; the addresses are kept.
  ///
  /// For ordinary memory this is ``JemallocCounters/purgeAll()``.
  public func purge() throws(JemallocError) {
    guard choice != .ordinary else { return try JemallocCounters.purgeAll() }
    try JemallocControl.purge.run(arena: index)
  }

  /// Gives back what has been free for long enough by now.
  ///
  /// Every ``free(_:_:alignment:)`` does so. No thread does it in the background: an arena that is
  /// left alone keeps what it has until somebody calls this or ``purge()``.
  public func decayNow() throws(JemallocError) {
    try checkIsOwn(.decay)
    try JemallocControl.decay.run(arena: index)
  }

  private func checkIsOwn(_ control: JemallocControl) throws(JemallocError) {
    guard choice != .ordinary else { throw .notOfItsOwn(control: control.name) }
  }
}

extension JemallocArena {
  /// What a test can make fail.
  public enum Fault: CaseIterable, Hashable, Sendable {
    /// The kernel maps nothing; not for ordinary memory, which has no hooks.
    case map
    /// The kernel takes no memory back; nor this.
    case purge
    /// jemalloc has no block.
    case allocation
  }

  /// Makes something fail on purpose, to see that the program gets over it.
  ///
  /// - Parameters:
  ///   - fault: What fails.
  ///   - first: The first occasion that does: 1 is the next one, of any thread.
  ///   - times: How many occasions in a row do.
  public func fail(_ fault: Fault, first: Int = 1, times: Int = 1) {
    precondition(first > 0 && times > 0, "occasions are counted from 1")
    unsafe gb_extents_fail(hooks, fault.code, UInt64(first), UInt64(times))
  }

  /// Lets everything succeed again.
  public func stopFailing() {
    for fault in Fault.allCases { unsafe gb_extents_fail(hooks, fault.code, 0, 0) }
  }
}

extension JemallocArena.Fault {
  fileprivate var code: gb_fault {
    switch self {
    case .map: gb_fault_map
    case .purge: gb_fault_purge
    case .allocation: gb_fault_allocation
    }
  }
}
