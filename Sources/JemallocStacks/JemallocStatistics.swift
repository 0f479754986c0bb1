// What jemalloc says about the memory of an arena, or of all of them.

public import Stacks
import Synchronization

/// The memory of one arena, or of all arenas of the process, at one moment.
///
/// Address space is counted where jemalloc counts pages: what was never touched is not in memory,
/// whatever these numbers say.
public struct JemallocStatistics: Hashable, Sendable {
  /// Bytes that the program has been given and has not given back.
  public var allocated = ByteCount(0)

  /// Bytes of the pages that ``allocated`` lies in.
  public var active = ByteCount(0)

  /// Bytes of free pages that the program may have written on and the kernel still keeps.
  public var dirty = ByteCount(0)

  /// Bytes of free pages that the kernel may take when it needs them.
  public var muzzy = ByteCount(0)

  /// Bytes that are in memory at most: ``active``, ``dirty`` and jemalloc's own records.
  public var resident = ByteCount(0)

  /// Bytes of addresses that jemalloc keeps without memory behind them, to be used again.
  public var retained = ByteCount(0)

  /// Bytes of addresses in use: ``active``, ``dirty``, ``muzzy`` and records, not ``retained``.
  public var mapped = ByteCount(0)

  /// Bytes of jemalloc's own records.
  public var metadata = ByteCount(0)
}

extension JemallocStatistics {
  // Held where arenas are looked at, or all purged, and where one is destroyed: jemalloc looks at
  // arenas without its own lock while it purges all of them.
  static let arenasAreStable = Mutex(())

  /// Reads the counts of an arena as they are now.
  ///
  /// - Parameter arena: Its index, or the one that stands for all.
  /// - Returns: The counts, of one epoch.
  /// - Throws: ``JemallocError/controlFailed(control:errno:)``: jemalloc was built without counts.
  /// - Complexity: O(arenas): jemalloc gathers the counts of all of them.
  static func read(arena: UInt32) throws(JemallocError) -> JemallocStatistics {
    try arenasAreStable.withLock { _ throws(JemallocError) in
      // Any number will do: jemalloc counts the epochs itself.
      try JemallocControl.epoch.write(UInt64(1))
      func bytes(_ control: JemallocControl) throws(JemallocError) -> Int {
        try control.read(arena: arena, initial: 0)
      }
      let page = try JemallocControl.pageSize.read(initial: 0)
      return JemallocStatistics(
        allocated: ByteCount(try bytes(.smallAllocated) + bytes(.largeAllocated)),
        active: ByteCount(try bytes(.activePages) * page),
        dirty: ByteCount(try bytes(.dirtyPages) * page),
        muzzy: ByteCount(try bytes(.muzzyPages) * page),
        resident: ByteCount(try bytes(.resident)),
        retained: ByteCount(try bytes(.retained)),
        mapped: ByteCount(try bytes(.mapped)),
        metadata: ByteCount(try bytes(.baseMetadata) + bytes(.internalMetadata)))
    }
  }
}

/// How often an arena asked the kernel for something, and what it holds.
public struct ExtentCounts: Hashable, Sendable {
  /// Ranges of addresses mapped.
  public var maps = 0

  /// Those of them that the kernel shows as `[anon:greenlet stacks]`; not all kernels can.
  public var named = 0

  /// Ranges that could not be mapped.
  public var failedMaps = 0

  /// Ranges unmapped.
  public var unmaps = 0

  /// Ranges whose addresses jemalloc was told to keep instead of unmapping them.
  public var retains = 0

  /// Ranges that the kernel may take when it needs memory.
  public var lazyPurges = 0

  /// Ranges whose memory was given back at once.
  public var forcedPurges = 0

  /// Ranges that could not be purged either way.
  public var failedPurges = 0

  /// Ranges cut in two.
  public var splits = 0

  /// Neighbours made one range.
  public var merges = 0

  /// Blocks that were rid of guards before jemalloc got them back.
  public var guardSweeps = 0

  /// Bytes of addresses mapped now, jemalloc's records of the arena among them.
  public var mapped = ByteCount(0)
}

/// How long free memory is kept in case it is wanted again.
public struct Decay: Hashable, Sendable {
  /// Milliseconds in which free pages, by and by, are given back to the kernel or become muzzy;
  /// 0 is at once, -1 is never.
  public var dirtyMilliseconds: Int

  /// Milliseconds in which muzzy pages are given back; 0 skips that state, -1 is never.
  ///
  /// What is freed while ``dirtyMilliseconds`` is 0 skips it too: jemalloc gives it back at once.
  public var muzzyMilliseconds: Int

  /// Two times, both -1 or more.
  public init(dirtyMilliseconds: Int, muzzyMilliseconds: Int = 0) {
    precondition(dirtyMilliseconds >= -1 && muzzyMilliseconds >= -1, "-1 is never")
    self.dirtyMilliseconds = dirtyMilliseconds
    self.muzzyMilliseconds = muzzyMilliseconds
  }

  /// What suits stacks, by measurement: see decision 41.
  public static let tuned = Decay(dirtyMilliseconds: 1000)

  /// What jemalloc does unasked.
  public static let ordinary = Decay(dirtyMilliseconds: 10_000)

  /// Gives memory back as soon as it is free.
  public static let immediate = Decay(dirtyMilliseconds: 0)

  /// Keeps memory until ``JemallocArena/purge()``.
  public static let never = Decay(dirtyMilliseconds: -1, muzzyMilliseconds: -1)
}
