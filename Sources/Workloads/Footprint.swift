// Footprint: what a hop costs when more and more stacks are in use, up to a million.

public import Reports
public import Stacks
public import WorkloadKit

/// Visits suspended coroutines in turn; each reads the lines of its stack that it has touched.
///
/// Measures a hop: one resume, one suspend, and a word of every touched line. Over a sweep of the
/// count it shows where the stacks outgrow a cache. Does not measure making the coroutines.
public struct Footprint<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline var sitting: SittingRow<Backend>
  @usableFromInline var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "footprint",
      summary: "suspended coroutines visited in turn, from one to a million of them",
      operation: "hop",
      parameters: [
        ParameterDescription(
          name: "greenlets", summary: "suspended coroutines", standard: 1000, least: 1,
          most: 1_000_000, sweep: [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]),
        ParameterDescription(
          name: "touch", summary: "bytes of its stack that each touches, in lines of 64",
          standard: 256, least: 64, most: 1 << 20),
      ],
      population: Population(count: "greenlets", touched: "touch"))
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "numbers and touched bytes of every unit, in order" }

  @inlinable @inline(__always) public init(parameters: Parameters, stacks: StackPool) throws {
    sitting = try SittingRow(
      parameters["greenlets"] ?? 1000, touching: parameters["touch"] ?? 256, stacks: stacks)
  }

  public var operationsPerUnit: Int { SittingRow<Backend>.visits }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units { advance(by: try sitting.visit()) }
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  @inlinable public mutating func inspect() throws { try sitting.callRoll() }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 {
    let touched = parameters["touch"] ?? 256
    let visits = SittingRow<Backend>.visits
    let shares = CyclicSum(
      (0..<(parameters["greenlets"] ?? 1000)).lazy.map { Sitter.share($0, touching: touched) })
    return (0..<units).reduce(checksumSeed) { sum, unit in
      mixed(sum, shares.sum(from: unit * visits, count: visits))
    }
  }
}
