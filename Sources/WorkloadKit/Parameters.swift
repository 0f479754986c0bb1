// What a workload is set to: its parameters by name, and the seed of what it draws.

/// All parameters of a workload, each within its range, and the seed of its random choices.
public struct Parameters: Hashable, Sendable, ExpressibleByDictionaryLiteral {
  public var values: [String: Int]
  public var seed: UInt64

  public init(_ values: [String: Int], seed: UInt64 = 1) {
    self.values = values
    self.seed = seed
  }

  public init(dictionaryLiteral elements: (String, Int)...) {
    self.init(Dictionary(uniqueKeysWithValues: elements))
  }

  public subscript(name: String) -> Int? { values[name] }
}

/// The generator of Steele, Lea and Flood: what a workload draws is the same for the same seed.
@frozen public struct Draws: Sendable {
  @usableFromInline var state: UInt64

  @inlinable public init(seed: UInt64) { state = seed }

  /// The next word, of all words.
  @inlinable public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// The next number from 0 up to and without `bound`.
  ///
  /// - Precondition: `bound > 0`.
  @inlinable public mutating func next(below bound: Int) -> Int {
    Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// The numbers from 0 up to and without `count`, in an order of their own.
  ///
  /// By hand: the standard library does not promise that its shuffle stays the same.
  public mutating func order(of count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, next(below: last + 1))
    }
    return order
  }
}

/// The sum of a stretch of a sequence that is gone through over and over.
///
/// Oracles of workloads that visit coroutines in turn: a unit of work starts where the last ended.
public struct CyclicSum: Sendable {
  // Invariant: sums[i] is of the first i values.
  private let sums: [Int]

  /// - Precondition: At least one value.
  public init(_ values: some Sequence<Int>) {
    var sums = [0]
    for value in values { sums.append(sums[sums.count - 1] &+ value) }
    precondition(sums.count > 1, "a sequence without values")
    self.sums = sums
  }

  /// The sum of `count` values from place `start` on, both counted over all rounds.
  public func sum(from start: Int, count: Int) -> Int { upTo(start + count) &- upTo(start) }

  private func upTo(_ place: Int) -> Int {
    let (rounds, rest) = place.quotientAndRemainder(dividingBy: sums.count - 1)
    return rounds &* sums[sums.count - 1] &+ sums[rest]
  }
}
