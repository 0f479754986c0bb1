// What is to be measured.

/// A workload, the backends to compare on it, and how long to look.
public struct Scenario: Codable, Hashable, Sendable {
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

  /// Of orders and workloads; the daemon draws one in the place of 0.
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

  enum CodingKeys: String, CodingKey {
    case workload, backends, parameters, stacks, blocks, seed
    case batchesPerVisit = "batches_per_visit"
    case batchNanoseconds = "batch_ns"
  }

  /// Reads a scenario: only the workload has to be there, all else has its standard value.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      workload: try values.decode(String.self, forKey: .workload),
      seed: try values.decodeIfPresent(UInt64.self, forKey: .seed) ?? 0)
    func take<Value: Decodable>(_ key: CodingKeys, _ place: inout Value) throws {
      place = try values.decodeIfPresent(Value.self, forKey: key) ?? place
    }
    try take(.backends, &backends)
    try take(.parameters, &parameters)
    try take(.stacks, &stacks)
    try take(.blocks, &blocks)
    try take(.batchesPerVisit, &batchesPerVisit)
    try take(.batchNanoseconds, &batchNanoseconds)
  }

  /// A seed for a run that names none: short enough to be typed again.
  public static func randomSeed() -> UInt64 { UInt64.random(in: 1...UInt64(UInt32.max)) }

  /// Makes the scenario short: enough to see an order of magnitude.
  public mutating func shorten() {
    blocks = Self.quickBlocks
    batchesPerVisit = Self.quickBatches
  }

  /// Rows that are measured interleaved: one combination of parameters and stack.
  public struct Group: Hashable, Sendable {
    public var parameters: [String: Int]
    public var stack: String

    public init(parameters: [String: Int], stack: String) {
      self.parameters = parameters
      self.stack = stack
    }
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
