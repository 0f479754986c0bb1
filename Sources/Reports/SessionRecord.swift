// A session with all that was measured: what goes into the store, and comes out of it.

/// Everything about one session.
public struct SessionRecord: Hashable, Sendable {
  public var report: RunReport

  /// Nanoseconds since the Unix epoch, when the session began.
  public var startedUnixNanoseconds: Int
  public var commandLine: String
  public var source: SourceVersion

  /// One per row of `report.rows`, in the same order.
  public var measurements: [RowMeasurement]

  /// The interleaved control workload, measured in every block; nil when no block was complete and
  /// nothing went wrong.
  public var control: RowMeasurement?

  /// What went wrong with the control; nil when nothing did.
  public var controlFailure: ControlFailure?

  public init(
    report: RunReport, startedUnixNanoseconds: Int, commandLine: String, source: SourceVersion,
    measurements: [RowMeasurement], control: RowMeasurement?,
    controlFailure: ControlFailure? = nil
  ) {
    precondition(report.rows.count == measurements.count, "a measurement for every row")
    self.report = report
    self.startedUnixNanoseconds = startedUnixNanoseconds
    self.commandLine = commandLine
    self.source = source
    self.measurements = measurements
    self.control = control
    self.controlFailure = controlFailure
  }
}

/// Why the control's figures end early, or cannot be believed.
public struct ControlFailure: Codable, Hashable, Sendable {
  public var status: Row.Status

  /// One sentence.
  public var failure: String
  public var backtrace: String?

  public init(status: Row.Status, failure: String, backtrace: String? = nil) {
    self.status = status
    self.failure = failure
    self.backtrace = backtrace
  }
}

/// The batches of one row, by block.
public struct RowMeasurement: Codable, Hashable, Sendable {
  public var blocks: [MeasuredBlock]

  /// Whether the backend switches through the kernel (decides what a clean batch is).
  public var switchesInKernel: Bool

  public init(blocks: [MeasuredBlock], switchesInKernel: Bool) {
    self.blocks = blocks
    self.switchesInKernel = switchesInKernel
  }

  public var batches: [Batch] { blocks.flatMap(\.batches) }
}

/// What one row measured in one block.
public struct MeasuredBlock: Codable, Hashable, Sendable {
  /// Counts from 0.
  ///
  /// Rows with the same number were measured interleaved with each other.
  public var number: Int

  /// The row's place in the block's order.
  public var position: Int
  public var batches: [Batch]

  /// Share of the block's time in which some task of the machine waited for a CPU (PSI), 0 to 1.
  public var pressure: Double

  public init(number: Int, position: Int, batches: [Batch], pressure: Double) {
    self.number = number
    self.position = position
    self.batches = batches
    self.pressure = pressure
  }
}

/// What the measuring program was built from.
public struct SourceVersion: Codable, Hashable, Sendable {
  /// A full commit id, or "unknown".
  public var commit: String
  public var dirty: Bool
  public var branch: String

  /// Hash of the executable.
  public var build: String

  public init(commit: String, dirty: Bool, branch: String, build: String) {
    self.commit = commit
    self.dirty = dirty
    self.branch = branch
    self.build = build
  }
}
