// One field of a cron expression, and the small sets that it can say.

import DaemonAPI

/// What may stand in a field.
struct CronField {
  let name: String
  let range: ClosedRange<Int>

  /// Words for numbers, the first one for the least.
  var words: [String] = []

  static let order = "minute, hour, day of the month, month, day of the week"
  static let minute = CronField(name: "minute", range: 0...59)
  static let hour = CronField(name: "hour", range: 0...23)
  static let monthDay = CronField(name: "day of the month", range: 1...31)
  static let month = CronField(
    name: "month", range: 1...12,
    words: [
      "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ])
  static let weekDay = CronField(
    name: "day of the week", range: 0...7,
    words: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])

  /// The numbers that a field says; 7 is 0 where it is a day of the week.
  func values(_ text: Substring) throws(Refusal) -> BitSet {
    var found = BitSet()
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      for value in try values(of: part, in: text) {
        found.insert(value == 7 && range.upperBound == 7 ? 0 : value)
      }
    }
    return found
  }

  private func values(
    of part: Substring, in text: Substring
  ) throws(Refusal) -> StrideThrough<Int> {
    let pieces = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    var step = 1
    if pieces.count == 2 {
      // A step after a single number would say nothing, and people mean different things by it.
      guard pieces[0] == "*" || pieces[0].contains("-"), let taken = number(pieces[1]),
        taken > 0, taken <= range.upperBound
      else { throw wrong(text) }
      step = taken
    }
    if pieces[0] == "*" { return stride(from: range.lowerBound, through: last, by: step) }
    let ends = pieces[0].split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count <= 2, let low = value(ends[0]), let high = value(ends[ends.count - 1]),
      low <= high
    else { throw wrong(text) }
    return stride(from: low, through: high, by: step)
  }

  /// What a star ends with: 7 would be Sunday once more.
  private var last: Int {
    words.isEmpty ? range.upperBound : range.lowerBound + words.count - 1
  }

  private func value(_ text: Substring) -> Int? {
    if let place = words.firstIndex(of: String(text)) { return range.lowerBound + place }
    return number(text).flatMap { range.contains($0) ? $0 : nil }
  }

  // Only digits: Int also takes signs.
  private func number(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
  }

  private func wrong(_ text: Substring) -> Refusal {
    let names = words.isEmpty ? "" : ", \(words[0]) to \(words[words.count - 1])"
    return Refusal(
      .malformed,
      """
      the \(name) is `\(text.prefix(40))`; write *, numbers from \(range.lowerBound) to \(range.upperBound)\
      \(names), ranges as in \(range.lowerBound)-\(range.lowerBound + 4), steps as in */2, or \
      several with commas
      """)
  }
}

/// A set of numbers from 0 to 63.
struct BitSet: Hashable {
  private var bits: UInt64 = 0

  mutating func insert(_ value: Int) { bits |= 1 << UInt64(value) }

  func contains(_ value: Int) -> Bool { bits >> UInt64(value) & 1 == 1 }

  /// The least member that is no less than a number from 0 to 63.
  func first(from value: Int) -> Int? {
    let rest = bits >> UInt64(value)
    return rest == 0 ? nil : value + rest.trailingZeroBitCount
  }
}
