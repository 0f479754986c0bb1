// Spawn: the cost of making a coroutine, running it to its end and cleaning up.

public import Reports
public import Stacks
public import WorkloadKit

/// Returns the triple of its word at once.
@usableFromInline struct Triple: ContextBody {
  @inlinable init() {}

  @inlinable @inline(never) func run(
    _ suspender: some WordSuspender, _ word: Int
  ) throws -> Int { 3 &* word }
}

/// Makes a coroutine that returns the triple of its word, runs it, and lets it go.
///
/// Measures creation, two switches and the end, on stacks that the pool already has.
public struct Spawn<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline let stacks: StackPool
  @usableFromInline let count: Int
  @usableFromInline var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "spawn", summary: "coroutines made, run to their end and let go, one after the other",
      operation: "coroutine made, run and ended",
      parameters: [
        ParameterDescription(
          name: "count", summary: "coroutines in a unit of work", standard: 10, least: 1,
          most: 1_000_000)
      ])
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "the sum of the results of every unit, in order" }

  @inlinable @inline(__always) public init(parameters: Parameters, stacks: StackPool) throws {
    count = parameters["count"] ?? 10
    self.stacks = stacks
    // The first stack is not a warm one.
    _ = try Backend(on: stacks, body: Triple()).resume(0)
  }

  public var operationsPerUnit: Int { count }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units {
      var total = 0
      for word in 0..<count {
        let coroutine = try Backend(on: stacks, body: Triple())
        total &+= try coroutine.resume(word)
      }
      advance(by: total)
    }
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 {
    let count = parameters["count"] ?? 10
    return (0..<units).reduce(checksumSeed) { sum, _ in mixed(sum, 3 * (count - 1) * count / 2) }
  }
}
