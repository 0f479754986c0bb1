// What a row took: the process as the kernel sees it, the row's own coroutines, and their pool.

/// Memory of a row, read after its last batch, while its coroutines were alive.
public struct MemoryFigures: Codable, Hashable, Sendable {
  /// The worker's process: all rows of the group that were prepared side by side are in it.
  public var residentBytes: Int
  public var proportionalBytes: Int
  public var mappings: Int
  public var pageTableBytes: Int

  /// Page faults of the row's own preparation and batches; nil where nobody counted.
  public var minorFaults: Int?
  public var majorFaults: Int?

  /// Coroutines that were suspended side by side; nil where that is no matter of the workload.
  public var liveGreenlets: Int?

  /// Bytes of stack in use at the deepest, of the row's greediest coroutine and of the median one.
  ///
  /// From the top of the usable bytes down to the lowest word that was ever written, so the pool's
  /// own line at the top is in it. Nil where it cannot be known.
  public var highWaterBytes: Int?
  public var highWaterMedianBytes: Int?

  /// How long it took to prepare the row: its coroutines made, and switched to once each.
  public var createNanoseconds: Int?

  /// How long it took to end all of them, and to take their stacks back.
  public var destroyNanoseconds: Int?
  public var pool: PoolCounters?

  public init(
    residentBytes: Int, proportionalBytes: Int, mappings: Int, pageTableBytes: Int
  ) {
    self.residentBytes = residentBytes
    self.proportionalBytes = proportionalBytes
    self.mappings = mappings
    self.pageTableBytes = pageTableBytes
  }

  enum CodingKeys: String, CodingKey {
    case residentBytes = "resident_bytes"
    case proportionalBytes = "proportional_bytes"
    case mappings
    case pageTableBytes = "page_table_bytes"
    case minorFaults = "minor_faults"
    case majorFaults = "major_faults"
    case liveGreenlets = "live_greenlets"
    case highWaterBytes = "high_water_bytes"
    case highWaterMedianBytes = "high_water_median_bytes"
    case createNanoseconds = "create_ns"
    case destroyNanoseconds = "destroy_ns"
    case pool
  }
}

/// What a pool of stacks counts.
public struct PoolCounters: Codable, Hashable, Sendable {
  /// Stacks that were ever made.
  public var made: Int
  public var lent: Int
  public var idle: Int

  /// Idle stacks whose memory went back to the system; nil where the pool does not count them.
  public var trimmed: Int?

  /// Slabs that the pool has; nil where it does not know.
  public var slabs: Int?

  public init(made: Int, lent: Int, idle: Int, trimmed: Int? = nil, slabs: Int? = nil) {
    self.made = made
    self.lent = lent
    self.idle = idle
    self.trimmed = trimmed
    self.slabs = slabs
  }
}
