// Ping-pong: the cost of one switch, there and back again, between a resumer and one coroutine.

public import Reports
public import Stacks
public import WorkloadKit

/// Gives back every word, plus one.
@usableFromInline struct Echo: ContextBody {
  @inlinable init() {}

  @inlinable @inline(never) func run(
    _ suspender: some WordSuspender, _ first: Int
  ) throws -> Int {
    var word = first
    while true { word = try suspender.suspend(word &+ 1) }
  }
}

/// Resumes a coroutine that adds one to the word and suspends itself at once.
///
/// Measures the switch and the hand-over of a word. Does not measure making the coroutine.
public struct PingPong<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline let echo: Member<Backend>
  @usableFromInline let rounds: Int
  @usableFromInline var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "ping-pong", summary: "one coroutine, resumed and suspended in turn",
      operation: "one-way switch",
      parameters: [
        ParameterDescription(
          name: "rounds", summary: "round trips in a unit of work", standard: 100, least: 1,
          most: 10_000_000)
      ])
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "the last reply of every unit, in order" }

  @inlinable @inline(__always) public init(parameters: Parameters, stacks: StackPool) throws {
    rounds = parameters["rounds"] ?? 100
    echo = try Member(on: stacks, body: Echo())
  }

  public var operationsPerUnit: Int { 2 * rounds }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units { advance(by: try trip(0)) }
  }

  @inlinable @inline(__always) func trip(_ start: Int) throws -> Int {
    let rounds = rounds
    return try echo.withCoroutine { coroutine in
      var word = start
      for _ in 0..<rounds { word = try coroutine.resume(word) }
      return word
    }
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 {
    let rounds = parameters["rounds"] ?? 100
    return (0..<units).reduce(checksumSeed) { sum, _ in mixed(sum, rounds) }
  }
}
