// A self-test: a workload that overflows its stack, so that what becomes of it can be tested.

public import Reports
public import Stacks
public import WorkloadKit

/// Calls itself until its stack ends.
private struct Digger: ContextBody {
  func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int { Self.dig(word) }

  /// Not a sum: the optimiser makes a loop of that.
  @inline(never) private static func dig(_ depth: Int) -> Int {
    depth < 0 ? 0 : (dig(depth + 1) ^ depth) &* 31
  }
}

/// Overflows in its first unit of work; not in any list.
public struct DummyOverflow<Backend: SwitchBackend & ~Copyable>: Workload {
  private let stacks: StackPool
  private var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "dummy-overflow", summary: "overflows its stack, for greenbench's own tests",
      operation: "coroutine made and overflowed", parameters: [], isHidden: true)
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "nothing: it does not come so far" }

  public init(parameters: Parameters, stacks: StackPool) throws { self.stacks = stacks }

  public var operationsPerUnit: Int { 1 }

  public mutating func run(units: Int) throws {
    for _ in 0..<units { sum = mixed(sum, try Backend(on: stacks, body: Digger()).resume(1)) }
  }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 { checksumSeed }
}
