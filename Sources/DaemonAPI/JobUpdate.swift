// What happens to a job while somebody watches.

public import Reports

/// One step of a job, told live and kept nowhere.
public enum JobUpdate: Hashable, Sendable {
  /// The job as it is now: the first update of every watcher, and every change of its state.
  case state(Job)

  case progress(JobProgress)

  /// A block is complete.
  case block(BlockUpdate)

  /// The name of the server-sent event.
  public var name: String {
    switch self {
    case .state: "state"
    case .progress: "progress"
    case .block: "block"
    }
  }
}

/// How far a job has come.
public struct JobProgress: Codable, Hashable, Sendable {
  /// `preparing`, `measuring` or `verifying`.
  public var phase: String
  public var workload: String
  public var backend: String

  /// Counts from 1.
  public var group: Int
  public var groups: Int

  /// Complete blocks of this group.
  public var block: Int
  public var blocks: Int

  public init(
    phase: String, workload: String, backend: String, group: Int, groups: Int, block: Int,
    blocks: Int
  ) {
    self.phase = phase
    self.workload = workload
    self.backend = backend
    self.group = group
    self.groups = groups
    self.block = block
    self.blocks = blocks
  }

  /// The share of all blocks of all groups that is complete, 0 to 1.
  public var share: Double {
    guard groups > 0, blocks > 0 else { return 0 }
    return (Double(group - 1) + Double(block) / Double(blocks)) / Double(groups)
  }
}

/// What the rows of a group measured in one block.
public struct BlockUpdate: Codable, Hashable, Sendable {
  /// Counts from 1.
  public var group: Int

  /// Counts from 0.
  public var number: Int
  public var rows: [RowBlock]

  public init(group: Int, number: Int, rows: [RowBlock]) {
    self.group = group
    self.number = number
    self.rows = rows
  }

  /// One row's part.
  public struct RowBlock: Codable, Hashable, Sendable {
    public var backend: String

    /// The share of the block's time in which some task waited for a CPU, 0 to 1.
    public var pressure: Double
    public var batches: [Batch]

    public init(backend: String, pressure: Double, batches: [Batch]) {
      self.backend = backend
      self.pressure = pressure
      self.batches = batches
    }
  }
}
