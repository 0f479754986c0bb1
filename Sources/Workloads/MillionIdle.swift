// Million idle: very many parked coroutines, of which a few at random are woken.

public import Reports
public import Stacks
public import WorkloadKit

/// Counts how often it was woken, with canaries on its frame.
///
/// The first word is its number: a body without state makes no closure larger.
@usableFromInline struct Idler: ContextBody {
  @inlinable init() {}

  /// Asks for the number alone.
  @inlinable static var roll: Int { .min }

  @inlinable @inline(never) func run(
    _ suspender: some WordSuspender, _ number: Int
  ) throws -> Int {
    var canary = Canary.blank
    Canary.arm(&canary, number)
    var (wakings, reply) = (0, number)
    while true {
      let word = try suspender.suspend(reply)
      try Canary.check(&canary, number)
      if word == Self.roll {
        reply = number
      } else {
        wakings += 1
        reply = word &+ number &+ wakings
      }
    }
  }
}

/// Parks coroutines, and wakes some of them at random in every unit of work.
///
/// Measures a wake-up among very many sleepers, nearly all of them cold. Its memory is the point:
/// what each takes, in how many mappings, and that all of them are made, switched to and ended.
public struct MillionIdle<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline let row: CoroutineRow<Backend>
  @usableFromInline let wakes: Int
  @usableFromInline var draws: Draws
  @usableFromInline var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "million-idle",
      summary: "a million parked coroutines, of which a random hundredth is woken",
      operation: "waking",
      parameters: [
        ParameterDescription(
          name: "greenlets", summary: "parked coroutines", standard: 1_000_000, least: 1,
          most: 1_000_000),
        ParameterDescription(
          name: "percent", summary: "how many of a hundred are woken in a unit of work",
          standard: 1, least: 1, most: 100),
      ],
      population: Population(count: "greenlets"))
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "numbers and wakings of every unit, in order" }

  @inlinable @inline(__always) public init(parameters: Parameters, stacks: StackPool) throws {
    row = try CoroutineRow(Self.count(parameters), on: stacks) { _ in Idler() }
    wakes = Self.wakes(parameters)
    draws = Draws(seed: parameters.seed)
    for number in 0..<row.count { _ = try row.resume(number, number) }
  }

  @usableFromInline static func count(_ parameters: Parameters) -> Int {
    parameters["greenlets"] ?? 1_000_000
  }

  @usableFromInline static func wakes(_ parameters: Parameters) -> Int {
    max(1, count(parameters) * (parameters["percent"] ?? 1) / 100)
  }

  public var operationsPerUnit: Int { wakes }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units {
      var token = 0
      for _ in 0..<wakes { token = try row.resume(draws.next(below: row.count), token) }
      advance(by: token)
    }
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  @inlinable public mutating func inspect() throws {
    for number in 0..<row.count {
      guard try row.resume(number, Idler.roll) == number else { throw CanaryError(key: number) }
    }
  }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 {
    var draws = Draws(seed: parameters.seed)
    var wakings = [Int](repeating: 0, count: count(parameters))
    let wakes = wakes(parameters)
    return (0..<units).reduce(checksumSeed) { sum, _ in
      var token = 0
      for _ in 0..<wakes {
        let number = draws.next(below: wakings.count)
        wakings[number] += 1
        token = token &+ number &+ wakings[number]
      }
      return mixed(sum, token)
    }
  }
}
