// Mixed depth: coroutines of very different depths, most shallow and a few deep, as in real programs.

public import Reports
public import Stacks
public import WorkloadKit

/// Resumes coroutines in turn, each at the bottom of a recursion of its own depth.
///
/// The depths are drawn after Zipf: a depth is as likely as its inverse. Measures a recursion of
/// the mean depth and two switches, over stacks of which more or less is in use.
public struct MixedDepth<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline let row: CoroutineRow<Backend>
  @usableFromInline var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "mixed-depth", summary: "coroutines at Zipf-distributed depths, resumed in turn",
      operation: "recursion with a yield",
      parameters: [
        ParameterDescription(
          name: "deepest", summary: "the deepest recursion that may be drawn", standard: 100,
          least: 1, most: 1_000_000),
        ParameterDescription(
          name: "members", summary: "coroutines", standard: 256, least: 1, most: 1_000_000),
      ],
      population: Population(count: "members", bytesEach: 8192))
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "the sums of all depths in every unit, in order" }

  @inlinable @inline(__always) public init(parameters: Parameters, stacks: StackPool) throws {
    let depths = Self.depths(parameters)
    try Diver.refuse(
      parameters["deepest"] ?? 100, named: "deepest", on: stacks, Backend.self)
    row = try CoroutineRow(depths.count, on: stacks) { Diver(number: $0, depth: depths[$0]) }
    for number in 0..<row.count { _ = try row.resume(number, 0) }
  }

  /// The depth of every coroutine, in whole numbers: they are the same on every machine.
  @usableFromInline static func depths(_ parameters: Parameters) -> [Int] {
    let scale = 1 << 40
    var upTo: [Int] = []
    for depth in 1...max(1, parameters["deepest"] ?? 100) {
      upTo.append((upTo.last ?? 0) + scale / depth)
    }
    var draws = Draws(seed: parameters.seed)
    return (0..<(parameters["members"] ?? 256)).map { _ in
      let drawn = draws.next(below: upTo[upTo.count - 1])
      var (low, high) = (0, upTo.count - 1)
      while low < high {
        let middle = (low + high) / 2
        if upTo[middle] > drawn { high = middle } else { low = middle + 1 }
      }
      return low + 1
    }
  }

  public var operationsPerUnit: Int { row.count }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units {
      var total = 0
      for number in 0..<row.count { total &+= try row.resume(number, 0) &+ number }
      advance(by: total)
    }
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 {
    let depths = depths(parameters)
    let total = depths.indices.reduce(0) { $0 &+ Diver.sum(depths[$1]) &+ $1 }
    return (0..<units).reduce(checksumSeed) { sum, _ in mixed(sum, total) }
  }
}
