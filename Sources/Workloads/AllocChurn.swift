// Alloc churn: memory of varying sizes, kept across yields, let go by whoever runs next.

public import Reports
public import Stacks
public import WorkloadKit

/// A block of words that knows how many of them are alive.
@usableFromInline final class Churned {
  @usableFromInline var words: [UInt32]
  @usableFromInline let ledger: Ledger

  @usableFromInline init(_ count: Int, stamp: UInt32, _ ledger: Ledger) {
    words = [UInt32](repeating: stamp, count: count)
    self.ledger = ledger
    ledger.liveBytes += count * 4
  }

  /// What its ends tell of it; anything between may be anybody's.
  @usableFromInline func sum() -> Int { Int(words[0]) + Int(words[words.count - 1]) + words.count }

  deinit { ledger.liveBytes -= words.count * 4 }
}

/// Holds some blocks, and at every visit puts a new one in the place of one of them.
@usableFromInline struct Churner: ContextBody {
  @usableFromInline let number: Int
  @usableFromInline let plan: ChurnPlan
  @usableFromInline let ledger: Ledger

  @inlinable init(number: Int, plan: ChurnPlan, ledger: Ledger) {
    self.number = number
    self.plan = plan
    self.ledger = ledger
  }

  @inlinable @inline(never) func run(
    _ suspender: some WordSuspender, _ word: Int
  ) throws -> Int {
    var canary = Canary.blank
    Canary.arm(&canary, number)
    var draws = plan.draws(of: number)
    var held = (0..<plan.slots).map { _ in make(&draws) }
    var reply = 0
    while true {
      _ = try suspender.suspend(reply)
      try Canary.check(&canary, number)
      let slot = draws.next(below: held.count)
      reply = held[slot].sum()
      held[slot] = make(&draws)
    }
  }

  @usableFromInline func make(_ draws: inout Draws) -> Churned {
    let (count, stamp) = plan.next(&draws)
    return Churned(count, stamp: stamp, ledger)
  }
}

/// What is drawn: the same for the coroutines and for the oracle.
@usableFromInline struct ChurnPlan {
  @usableFromInline let slots: Int
  let most: Int
  let seed: UInt64

  init(_ parameters: Parameters) {
    slots = parameters["slots"] ?? 16
    most = parameters["bytes"] ?? 16_384
    seed = parameters.seed
  }

  @usableFromInline func draws(of number: Int) -> Draws {
    Draws(seed: seed ^ UInt64(number) &* 0xD134_2543_DE82_EF95)
  }

  /// Size in words and content of the next block: every power of two is as likely as another.
  @usableFromInline func next(_ draws: inout Draws) -> (count: Int, stamp: UInt32) {
    let powers = max(1, Int.bitWidth - (most / 4).leadingZeroBitCount)
    let ceiling = min(most / 4, 1 << draws.next(below: powers))
    let count = ceiling - draws.next(below: max(1, ceiling / 2))
    return (count, UInt32(truncatingIfNeeded: draws.next()))
  }
}

/// Resumes coroutines in turn; each lets a block of memory go and makes another one.
///
/// Measures an allocation, a deallocation and two switches, in an order that no stack allocator
/// could follow. At the end no byte may be alive.
public struct AllocChurn<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline let row: CoroutineRow<Backend>
  @usableFromInline let kept: Ledger
  @usableFromInline var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "alloc-churn", summary: "memory of varying sizes, allocated and freed between yields",
      operation: "block freed and made",
      parameters: [
        ParameterDescription(
          name: "bytes", summary: "the largest block", standard: 16_384, least: 4, most: 1 << 24),
        ParameterDescription(
          name: "members", summary: "coroutines", standard: 64, least: 1, most: 1_000_000),
        ParameterDescription(
          name: "slots", summary: "blocks that each coroutine holds", standard: 16, least: 1,
          most: 4096),
      ],
      population: Population(count: "members", bytesEach: 65_536))
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "sizes and contents of all freed blocks, in order" }

  public var ledger: Ledger? { kept }

  @inlinable @inline(__always) public init(parameters: Parameters, stacks: StackPool) throws {
    let (plan, ledger) = Self.setting(parameters)
    row = try CoroutineRow(parameters["members"] ?? 64, on: stacks) {
      Churner(number: $0, plan: plan, ledger: ledger)
    }
    kept = ledger
    for number in 0..<row.count { _ = try row.resume(number, 0) }
  }

  @usableFromInline static func setting(_ parameters: Parameters) -> (ChurnPlan, Ledger) {
    (ChurnPlan(parameters), Ledger())
  }

  public var operationsPerUnit: Int { row.count }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units {
      var total = 0
      for number in 0..<row.count { total = total &* 31 &+ (try row.resume(number, 0)) }
      advance(by: total)
    }
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 {
    let plan = ChurnPlan(parameters)
    var members = (0..<(parameters["members"] ?? 64)).map { number in
      var draws = plan.draws(of: number)
      let held = (0..<plan.slots).map { _ in plan.next(&draws) }
      return (draws: draws, held: held)
    }
    return (0..<units).reduce(checksumSeed) { sum, _ in
      var total = 0
      for number in members.indices {
        let slot = members[number].draws.next(below: plan.slots)
        let (count, stamp) = members[number].held[slot]
        total = total &* 31 &+ (2 * Int(stamp) + count)
        members[number].held[slot] = plan.next(&members[number].draws)
      }
      return mixed(sum, total)
    }
  }
}
