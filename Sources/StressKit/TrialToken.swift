// What names a trial: its class, the run's seed, its number, and the steps that are left out.

/// As in `misuse/0x51c2/17~3,4`.
public struct TrialToken: Hashable, Sendable, CustomStringConvertible {
  public let className: String

  /// The run's.
  public let seed: UInt64

  /// Counts from 0.
  public let index: Int

  /// The steps that are left out, ascending.
  public let omitted: [Int]

  /// Makes one.
  public init(className: String, seed: UInt64, index: Int, omitted: [Int] = []) {
    self.className = className
    self.seed = seed
    self.index = index
    self.omitted = Set(omitted).sorted()
  }

  /// Reads what `description` writes, with a seed in any form that people write; nil for any other text.
  public init?(_ text: String) {
    let halves = text.split(separator: "~", omittingEmptySubsequences: false)
    let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false)
    guard halves.count <= 2, parts.count == 3, !parts[0].isEmpty,
      let seed = Self.seed(parts[1]), let index = Int(parts[2]),
      (0..<Self.trialsMax).contains(index)
    else { return nil }
    var omitted: Set<Int> = []
    if halves.count == 2 {
      for range in halves[1].split(separator: ",", omittingEmptySubsequences: false) {
        let ends = range.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2,
          first <= last, last < Self.stepsMax
        else { return nil }
        omitted.formUnion(first...last)
      }
    }
    self.init(className: String(parts[0]), seed: seed, index: index, omitted: Array(omitted))
  }

  /// As `--seed` reads it.
  private static func seed(_ text: Substring) -> UInt64? {
    if text.lowercased().hasPrefix("0x") { return UInt64(text.dropFirst(2), radix: 16) }
    return UInt64(text.replacing("_", with: ""))
  }

  /// More trials than any run makes.
  private static let trialsMax = 1 << 40

  /// More steps than any schedule has.
  private static let stepsMax = 10_000_000

  public var description: String {
    let start = "\(className)/\(Self.text(of: seed))/\(index)"
    return omitted.isEmpty ? start : start + "~" + Self.ranges(omitted).joined(separator: ",")
  }

  /// A seed as it is written everywhere.
  public static func text(of seed: UInt64) -> String { "0x" + String(seed, radix: 16) }

  /// The trial's own seed: another one for each class and number.
  public var trialSeed: UInt64 {
    // FNV-1a of the name, stirred with the rest by the generator's own mixing.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in className.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    var stirred = TrialGenerator(seed: seed ^ hash)
    return stirred.next() ^ TrialGenerator.mix(UInt64(index) &+ 1)
  }

  private static func ranges(_ numbers: [Int]) -> [String] {
    var found: [(first: Int, last: Int)] = []
    for number in numbers {
      if let last = found.last, last.last + 1 == number {
        found[found.count - 1].last = number
      } else {
        found.append((number, number))
      }
    }
    return found.map { $0.first == $0.last ? "\($0.first)" : "\($0.first)-\($0.last)" }
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and any seed is a good one.
public struct TrialGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return Self.mix(state)
  }

  static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
