// Ring: a token goes round many coroutines, so that each hop finds another stack.

public import Reports
public import Stacks
public import WorkloadKit

/// Gives back every token, plus its own number.
@usableFromInline struct Adder: ContextBody {
  @usableFromInline let number: Int

  @inlinable init(number: Int) { self.number = number }

  @inlinable @inline(never) func run(
    _ suspender: some WordSuspender, _ first: Int
  ) throws -> Int {
    var token = first
    while true { token = try suspender.suspend(token &+ number) }
  }
}

/// Resumes the members of a ring in turn; each adds its number to the token and suspends itself.
///
/// Measures a hop: one resume and one suspend, over more stacks than fit the first cache.
public struct Ring<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline let members: [Member<Backend>]
  @usableFromInline var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "ring", summary: "a token handed round a ring of coroutines", operation: "hop",
      parameters: [
        ParameterDescription(
          name: "members", summary: "coroutines in the ring", standard: 503, least: 1,
          most: 1_000_000)
      ])
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "the token after every round, in order" }

  @inlinable @inline(__always) public init(parameters: Parameters, stacks: StackPool) throws {
    members = try (0..<(parameters["members"] ?? 503)).map { number in
      try Member(on: stacks, body: Adder(number: number))
    }
  }

  public var operationsPerUnit: Int { members.count }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units {
      var token = 1
      for member in members { token = try member.resume(token) }
      advance(by: token)
    }
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 {
    let members = parameters["members"] ?? 503
    return (0..<units).reduce(checksumSeed) { sum, _ in
      mixed(sum, 1 + members * (members - 1) / 2)
    }
  }
}
