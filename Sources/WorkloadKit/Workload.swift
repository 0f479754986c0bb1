// The contract of a workload: prepared once, run in batches, proved by an oracle.

public import Reports
public import Stacks

/// One switch-heavy program, over one backend.
///
/// A new workload is one new file in Workloads that conforms, and one line in `Workloads.all`.
public protocol Workload: SendableMetatype {
  /// Name, operation and parameters.
  static var description: WorkloadDescription { get }

  /// Prepares everything that shall not be measured.
  ///
  /// - Parameters:
  ///   - parameters: All of them, each within its range.
  ///   - stacks: Lends the stacks.
  /// - Throws: When a coroutine cannot be made, or when its stack has no room for what is asked.
  init(parameters: Parameters, stacks: StackPool) throws

  /// Operations in one unit of work: a unit is run whole.
  var operationsPerUnit: Int { get }

  /// Runs some units.
  mutating func run(units: Int) throws

  /// What the program worked out so far, over all units that it ran.
  var checksum: UInt64 { get }

  /// What ``checksum`` is of, in a few words.
  static var checksumMeaning: String { get }

  /// The checksum after so many units, worked out without a coroutine.
  static func oracle(parameters: Parameters, units: Int) -> UInt64

  /// Looks at what only the end can show: that all coroutines are alive, and their canaries right.
  ///
  /// Asked once, after the last unit. Does not change ``checksum``.
  ///
  /// - Throws: What is wrong.
  mutating func inspect() throws

  /// What the coroutines hold beside their stacks; nil where that is nothing.
  var ledger: Ledger? { get }
}

extension Workload {
  public mutating func inspect() throws {}
  public var ledger: Ledger? { nil }
}

/// A step of a checksum that depends on the order: FNV-1a over words.
@inlinable @inline(__always) public func mixed(_ sum: UInt64, _ word: Int) -> UInt64 {
  (sum ^ UInt64(truncatingIfNeeded: word)) &* 0x0000_0100_0000_01b3
}

/// Where a checksum starts.
@inlinable public var checksumSeed: UInt64 { 0xcbf2_9ce4_8422_2325 }
