// Control: a fixed loop of integers without a switch, the yardstick of a machine's own speed.

public import Reports
public import Stacks
public import WorkloadKit

/// Runs a xorshift generator; every step needs the one before.
///
/// Measures nothing of a backend: a change in it is the machine's.
public struct Control<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline let steps: Int
  @usableFromInline var sum = checksumSeed

  // Goes on from unit to unit: the compiler would work out an equal unit only once.
  @usableFromInline var state: UInt64 = 1

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

  @inlinable @inline(__always) public init(parameters: Parameters, stacks: StackPool) throws {
    steps = parameters["steps"] ?? 1000
  }

  public var operationsPerUnit: Int { steps }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units {
      state = Self.spin(from: state, steps: steps)
      advance(by: Int(truncatingIfNeeded: state))
    }
  }

  // Marsaglia's 64-bit xorshift (Xorshift RNGs, 2003): every step needs the one before, and the
  // compiler does not fold several into one, as it does with a linear congruential generator.
  @inlinable @inline(never) static func spin(from seed: UInt64, steps: Int) -> UInt64 {
    var state = seed
    for _ in 0..<steps { state = step(state) }
    return state
  }

  @inlinable @inline(__always) static func step(_ seed: UInt64) -> UInt64 {
    var state = seed
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 {
    let steps = parameters["steps"] ?? 1000
    // A step is linear over the bits, so many steps are one matrix: its columns are what becomes of
    // each single bit, and its power is had by squaring. None of the loop above.
    func apply(_ matrix: [UInt64], _ word: UInt64) -> UInt64 {
      (0..<64).reduce(0) { word >> UInt64($1) & 1 == 1 ? $0 ^ matrix[$1] : $0 }
    }
    var power = (0..<64).map { UInt64(1) << UInt64($0) }
    var square = power.map(step)
    var left = steps
    while left > 0 {
      if left & 1 == 1 { power = power.map { apply(square, $0) } }
      square = square.map { apply(square, $0) }
      left >>= 1
    }
    var state: UInt64 = 1
    return (0..<units).reduce(checksumSeed) { sum, _ in
      state = apply(power, state)
      return mixed(sum, Int(truncatingIfNeeded: state))
    }
  }
}
