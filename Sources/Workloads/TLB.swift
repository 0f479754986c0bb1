// TLB: coroutines in random order on stacks far apart, one line each.

public import Reports
public import Stacks
public import WorkloadKit

/// Visits suspended coroutines in an order that was shuffled once; each reads one line.
///
/// Measures a hop whose page is seldom in the translation buffer. How far apart the stacks lie is
/// the size of the stacks: compare `--stack 16KiB` with `--stack 2MiB`.
public struct TLB<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline var sitting: SittingRow<Backend>
  @usableFromInline let order: [Int]
  @usableFromInline var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "tlb", summary: "coroutines in random order, one line each on stacks far apart",
      operation: "hop",
      parameters: [
        ParameterDescription(
          name: "members", summary: "suspended coroutines", standard: 4096, least: 1,
          most: 1_000_000)
      ],
      population: Population(count: "members"))
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "numbers and touched bytes of every unit, in order" }

  @inlinable @inline(__always) public init(parameters: Parameters, stacks: StackPool) throws {
    order = Self.order(parameters)
    sitting = try SittingRow(order.count, touching: TouchedBlock.line, stacks: stacks)
  }

  @usableFromInline static func order(_ parameters: Parameters) -> [Int] {
    var draws = Draws(seed: parameters.seed)
    return draws.order(of: parameters["members"] ?? 4096)
  }

  public var operationsPerUnit: Int { SittingRow<Backend>.visits }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units { advance(by: try sitting.visit(in: order)) }
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  @inlinable public mutating func inspect() throws { try sitting.callRoll() }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 {
    let visits = SittingRow<Backend>.visits
    let shares = CyclicSum(
      order(parameters).lazy.map { Sitter.share($0, touching: TouchedBlock.line) })
    return (0..<units).reduce(checksumSeed) { sum, unit in
      mixed(sum, shares.sum(from: unit * visits, count: visits))
    }
  }
}
