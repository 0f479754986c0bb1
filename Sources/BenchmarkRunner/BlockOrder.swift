// The order of visits within a block: shuffled from the seed, then mirrored.

/// The generator of Steele, Lea and Flood: every seed gives a full-period sequence.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Who is visited when, in one block.
public enum BlockOrder {
  /// Orders the rows of a block.
  ///
  /// A permutation is followed by its mirror image (A B C C B A), so every row has the same mean
  /// place in time and a steady drift of the machine cancels out. It depends on seed and number
  /// alone: a block keeps its order whatever became of the ones before.
  ///
  /// - Parameters:
  ///   - count: How many rows.
  ///   - seed: The session's seed.
  ///   - number: The block's number.
  /// - Returns: Indices of rows; each is there twice.
  public static func visits(count: Int, seed: UInt64, number: Int) -> [Int] {
    var mixer = SplitMix64(seed: seed)
    var generator = SplitMix64(seed: mixer.next() ^ (UInt64(number) &* 0xD134_2543_DE82_EF95))
    // Fisher-Yates by hand: the standard library does not promise that its shuffle stays the same.
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      let high = generator.next().multipliedFullWidth(by: UInt64(last + 1)).high
      order.swapAt(last, Int(high))
    }
    return order + order.reversed()
  }
}
