// Control: a fixed loop of integers without a switch, the yardstick of a machine's own speed.

public import Reports
public import Stacks
public import WorkloadKit

/// Runs a linear congruential generator; every step needs the one before.
///
/// Measures nothing of a backend: a change in it is the machine's.
public struct Control<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline let steps: Int
  @usableFromInline var sum = checksumSeed

  // Goes on from unit to unit: the compiler would work out an equal unit only once.
  @usableFromInline var state = 1

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "control", summary: "a fixed loop of integers, without a switch",
      operation: "step",
      parameters: [
        ParameterDescription(
          name: "steps", summary: "steps in a unit of work", standard: 1000, least: 1,
          most: 100_000_000)
      ])
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "the generator's state after every unit" }

  @inlinable @inline(__always) public init(parameters: [String: Int], stacks: StackPool) throws {
    steps = parameters["steps"] ?? 1000
  }

  public var operationsPerUnit: Int { steps }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units {
      state = Self.spin(from: state, steps: steps)
      advance(by: state)
    }
  }

  // Knuth's constants for 64 bits (The Art of Computer Programming, volume 2, 3.3.4).
  @inlinable @inline(never) static func spin(from seed: Int, steps: Int) -> Int {
    var state = seed
    for _ in 0..<steps {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    }
    return state
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  public static func oracle(parameters: [String: Int], units: Int) -> UInt64 {
    let steps = parameters["steps"] ?? 1000
    // The n-th power of the step x -> ax + c, by squaring: none of the loop above.
    var (a, c) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407)
    var (factor, addend, left) = (1, 0, steps)
    while left > 0 {
      if left & 1 == 1 { (factor, addend) = (factor &* a, addend &* a &+ c) }
      (a, c) = (a &* a, c &* (a &+ 1))
      left >>= 1
    }
    var state = 1
    return (0..<units).reduce(checksumSeed) { sum, _ in
      state = state &* factor &+ addend
      return mixed(sum, state)
    }
  }
}
