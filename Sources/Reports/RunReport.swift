// The document of one session: what `run --json` prints and what the store keeps.

/// One session: some rows measured together, interleaved.
public struct RunReport: Codable, Hashable, Sendable {
  /// The session's UUID, in lower case.
  public var session: String
  public var seed: UInt64

  /// The machine's fingerprint: fixed facts, by name.
  public var environment: [String: String]
  public var verdict: Verdict

  /// The process's exit code.
  public var exit: Int32
  public var rows: [Row]

  /// Sentences about what was left out, and why.
  public var notes: [String]

  public init(
    session: String, seed: UInt64, environment: [String: String], verdict: Verdict, exit: Int32,
    rows: [Row], notes: [String] = []
  ) {
    self.session = session
    self.seed = seed
    self.environment = environment
    self.verdict = verdict
    self.exit = exit
    self.rows = rows
    self.notes = notes
  }

  /// What became of a session as a whole.
  public enum Verdict: String, Codable, Sendable {
    case ok, failed, interrupted
  }
}

/// One row of the table: a workload on a backend with one stack strategy.
public struct Row: Codable, Hashable, Sendable {
  public var workload: String
  public var backend: String

  /// Source and usable size, as in `mapped:64KiB`.
  public var stack: String
  public var parameters: [String: Int]
  public var status: Status

  /// One sentence that says what went wrong; nil when nothing did.
  public var failure: String?

  /// The calls that led to the worker's death, innermost first, a line each; nil where none are known.
  ///
  /// A line is a place in the code, as in `greenbench+0x41f0`: what `addr2line` takes.
  public var backtrace: String?

  /// Whether the checksum is the oracle's and nothing leaked.
  public var verified: Bool
  public var checksum: String?

  /// Operations in all batches together.
  public var operations: Int

  /// Per operation, over clean batches; nil without one.
  public var p10: Double?
  public var p50: Double?
  public var p99: Double?

  /// The 95 % interval of a block's P10: how far the cost of an operation is known.
  public var p10Interval: Interval?
  public var ratio: Ratio?

  /// Complete blocks.
  public var blocks: Int
  public var cleanShare: Double
  public var bytesPerGreenlet: Double?
  public var memory: MemoryFigures?
  public var grade: Grade

  public init(workload: String, backend: String, stack: String, parameters: [String: Int]) {
    self.workload = workload
    self.backend = backend
    self.stack = stack
    self.parameters = parameters
    status = .ok
    verified = false
    operations = 0
    blocks = 0
    cleanShare = 0
    grade = .f
  }

  enum CodingKeys: String, CodingKey {
    case workload, backend, stack, parameters, status, failure, backtrace, verified, checksum
    case operations
    case p10 = "p10_ns"
    case p50 = "p50_ns"
    case p99 = "p99_ns"
    case p10Interval = "p10_interval_ns"
    case ratio, blocks
    case cleanShare = "clean_share"
    case bytesPerGreenlet = "bytes_per_greenlet"
    case memory, grade
  }

  /// How the measuring of a row ended.
  public enum Status: String, Codable, Sendable {
    case ok

    /// The worker died: a signal or an exit nobody asked for.
    case crashed

    /// The worker was silent past its deadline, and was killed.
    case hung

    /// The worker answered something that is not of the protocol.
    case garbled

    /// The worker refused, or the workload threw.
    case failed

    /// The checksum is not the oracle's, or something leaked.
    case unverified

    /// Ctrl-C came before the row was complete.
    case interrupted
  }

  /// How far a row can be believed: A is best, F decides nothing.
  public enum Grade: String, Codable, Sendable, Comparable {
    case a = "A"
    case b = "B"
    case c = "C"
    case d = "D"
    case f = "F"

    public static func < (left: Grade, right: Grade) -> Bool { left.rawValue < right.rawValue }
  }
}

/// Where a figure lies, with a probability of 95 %.
public struct Interval: Codable, Hashable, Sendable {
  public var low: Double
  public var high: Double

  public init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }
}

/// How many times slower a row is than another one, with its 95 % interval.
public struct Ratio: Codable, Hashable, Sendable {
  /// The other row's backend.
  public var to: String
  public var estimate: Double
  public var low: Double
  public var high: Double

  public init(to: String, estimate: Double, low: Double, high: Double) {
    self.to = to
    self.estimate = estimate
    self.low = low
    self.high = high
  }
}
