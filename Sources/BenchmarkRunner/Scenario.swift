// What is to be measured.

/// A workload, the backends to compare on it, and how long to look.
public struct Scenario: Hashable, Sendable {
  public var workload: String

  /// In the order of the table; empty means all that the worker has.
  ///
  /// The first one is what the ratios are to.
  public var backends: [String]

  /// Values by parameter name; more than one makes a matrix.
  public var parameters: [String: [Int]]

  /// Sizes, each with an optional source before it: `64KiB`, `mapped:64KiB`.
  public var stacks: [String]
  public var blocks: Int
  public var batchesPerVisit: Int
  public var batchNanoseconds: Int
  public var seed: UInt64

  public static let standardStack = "64KiB"
  public static let standardBlocks = 20
  public static let standardBatches = 10
  public static let quickBlocks = 8
  public static let quickBatches = 4
  public static let standardBatchNanoseconds = 1_000_000

  public init(
    workload: String, backends: [String] = [], parameters: [String: [Int]] = [:],
    stacks: [String] = [Scenario.standardStack], blocks: Int = Scenario.standardBlocks,
    batchesPerVisit: Int = Scenario.standardBatches,
    batchNanoseconds: Int = Scenario.standardBatchNanoseconds, seed: UInt64
  ) {
    self.workload = workload
    self.backends = backends
    self.parameters = parameters
    self.stacks = stacks
    self.blocks = blocks
    self.batchesPerVisit = batchesPerVisit
    self.batchNanoseconds = batchNanoseconds
    self.seed = seed
  }

  /// Makes the scenario short: enough to see an order of magnitude.
  public mutating func shorten() {
    blocks = Self.quickBlocks
    batchesPerVisit = Self.quickBatches
  }

  /// Rows that are measured interleaved: one combination of parameters and stack.
  public struct Group: Hashable, Sendable {
    public var parameters: [String: Int]
    public var stack: String
  }

  /// All combinations, the last parameter (by name) and then the stack changing fastest.
  public var groups: [Group] {
    var combinations: [[String: Int]] = [[:]]
    for (name, values) in parameters.sorted(by: { $0.key < $1.key }) {
      combinations = combinations.flatMap { known in
        values.map { value in known.merging([name: value]) { $1 } }
      }
    }
    return combinations.flatMap { chosen in
      stacks.map { Group(parameters: chosen, stack: $0) }
    }
  }
}
