// A wall clock that is looked at every minute: slow, and nothing in it to go wrong.

import Foundation

@testable import BenchmarkRunner

/// The judge of cron expressions: what the calendar shows in each minute of some weeks.
struct WatchedClock {
  /// Minutes since the Unix epoch.
  let start: Int

  /// What the clock shows in each of them, as minutes since 1970 on the wall.
  private let shown: [Int]

  /// The days on the wall, from the first to the last one shown.
  private let firstDay: Int
  private var days: [(monthDay: Int, month: Int, weekDay: Int)] = []

  private static func calendar(_ zone: TimeZone) -> Calendar {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    return calendar
  }

  init(zone: TimeZone, from start: Int, days count: Int) throws {
    self.start = start
    let local = Self.calendar(zone)
    let plain = Self.calendar(.gmt)
    var shown: [Int] = []
    // These zones change their clocks on quarters of an hour.
    for quarter in 0..<count * 96 {
      let date = Date(timeIntervalSince1970: Double(start + quarter * 15) * 60)
      let parts = local.dateComponents([.year, .month, .day, .hour, .minute], from: date)
      guard let wall = plain.date(from: parts) else { throw CocoaError(.formatting) }
      let minute = Int(wall.timeIntervalSince1970) / 60
      shown += minute..<minute + 15
    }
    self.shown = shown
    firstDay = (shown.min() ?? 0) / 1440
    for day in firstDay...(shown.max() ?? 0) / 1440 {
      let parts = plain.dateComponents(
        [.day, .month, .weekday], from: Date(timeIntervalSince1970: Double(day) * 86400))
      days.append((parts.day ?? 0, parts.month ?? 0, (parts.weekday ?? 0) - 1))
    }
  }

  /// Nanoseconds since the Unix epoch of all times that a plan has.
  func times(of plan: Plan) -> [Int] {
    var times: [Int] = []
    var seen = shown[0]
    // Plain loops: a debug build takes ten times as long with sequences.
    var offset = 0
    while offset < shown.count {
      var isTime = false
      // More than one where the clock was put forward, none where it was put back.
      while seen < shown[offset] {
        seen += 1
        if matches(seen, plan) { isTime = true }
      }
      if isTime { times.append((start + offset) * 60_000_000_000) }
      offset += 1
    }
    return times
  }

  private func matches(_ minute: Int, _ plan: Plan) -> Bool {
    // The hour first: it is the one that most often does not match.
    guard plan.sets[1].contains(minute / 60 % 24), plan.sets[0].contains(minute % 60) else {
      return false
    }
    let day = days[minute / 1440 - firstDay]
    let monthDay = plan.sets[2].contains(day.monthDay)
    let weekDay = plan.sets[4].contains(day.weekDay)
    return plan.sets[3].contains(day.month)
      && (plan.bothDays ? monthDay && weekDay : monthDay || weekDay)
  }

  /// An expression whose meaning is known without reading it.
  struct Plan {
    private(set) var text = ""
    private(set) var sets: [Set<Int>] = []
    private(set) var bothDays = false

    init(_ generator: inout SplitMix64) {
      // Hours of the night come more often: clocks are changed then.
      let hours = Bool.random(using: &generator) ? 0...4 : 0...23
      let ranges = [0...59, hours, 1...31, 1...12, 0...6]
      let fields = ranges.enumerated().map { index, range in
        let range = index == 3 ? 3...11 : range
        return Self.field(range, whole: [0...59, 0...23, 1...31, 1...12, 0...6][index], &generator)
      }
      text = fields.map(\.text).joined(separator: " ")
      sets = fields.map(\.set)
      bothDays = fields[2].text.hasPrefix("*") || fields[4].text.hasPrefix("*")
    }

    private static func field(
      _ range: ClosedRange<Int>, whole: ClosedRange<Int>, _ generator: inout SplitMix64
    ) -> (text: String, set: Set<Int>) {
      let kind = Int.random(in: 0..<6, using: &generator)
      let step = Int.random(in: 1...whole.upperBound, using: &generator)
      if kind < 2 { return ("*", Set(whole)) }
      if kind == 2 {
        return (
          "*/\(step)", Set(stride(from: whole.lowerBound, through: whole.upperBound, by: step))
        )
      }
      var texts: [String] = []
      var set: Set<Int> = []
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let low = Int.random(in: range, using: &generator)
        let high = Int.random(in: low...range.upperBound, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0:
          texts.append("\(low)")
          set.insert(low)
        case 1:
          texts.append("\(low)-\(high)")
          set.formUnion(low...high)
        default:
          texts.append("\(low)-\(high)/\(step)")
          set.formUnion(stride(from: low, through: high, by: step))
        }
      }
      return (texts.joined(separator: ","), set)
    }
  }
}
