// Five fields that say when: minute, hour, day of the month, month, day of the week.

public import DaemonAPI
public import Foundation

/// A time that comes again and again, as in crontab(5).
///
/// A field is `*`, a number, a range `1-5`, or several with commas; `/2` after `*` or a range takes
/// every second one. Months and days of the week may be names (`jan`, `mon`); Sunday is 0 or 7.
/// When both fields of days are restricted, a day that either matches will do.
public struct CronExpression: Hashable, Sendable {
  /// As it was written.
  public let text: String
  private let minutes: BitSet
  private let hours: BitSet
  private let monthDays: BitSet
  private let months: BitSet
  private let weekDays: BitSet

  // crontab(5): a field that begins with a star restricts no days by itself.
  private let bothDays: Bool

  static let names = [
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
  ]

  /// Reads an expression.
  ///
  /// - Parameter text: Five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
  /// - Throws: A refusal that names the field and what may stand there.
  public init(_ text: String) throws(Refusal) {
    var fields = text.lowercased().split(whereSeparator: \.isWhitespace)
    if fields.count == 1, fields[0].hasPrefix("@") {
      guard let meaning = Self.names[String(fields[0])] else {
        throw Refusal(
          .malformed,
          "there is no \(fields[0].prefix(40)); write @hourly, @daily, @weekly, @monthly or @yearly"
        )
      }
      fields = meaning.split(separator: " ")
    }
    guard fields.count == 5 else {
      throw Refusal(
        .malformed,
        "a time has five fields, this one \(fields.count); write \(CronField.order)")
    }
    self.text = text
    minutes = try CronField.minute.values(fields[0])
    hours = try CronField.hour.values(fields[1])
    monthDays = try CronField.monthDay.values(fields[2])
    months = try CronField.month.values(fields[3])
    weekDays = try CronField.weekDay.values(fields[4])
    bothDays = fields[2].hasPrefix("*") || fields[4].hasPrefix("*")
  }

  /// The next time that matches.
  ///
  /// A time that a clock put forward leaves out comes once, at the first instant after; one that a
  /// clock put back brings twice comes the first time only.
  ///
  /// - Parameters:
  ///   - unixNanoseconds: Since the Unix epoch; the time is after it.
  ///   - zone: Whose clock the fields are of.
  /// - Returns: Nanoseconds since the Unix epoch; nil when it never comes before the year 2262.
  public func next(after unixNanoseconds: Int, in zone: TimeZone) -> Int? {
    let clock = LocalClock(zone: zone)
    let unseen = clock.unseen(after: wholeSeconds(unixNanoseconds))
    guard let minute = nextMatch(from: floorDivide(unseen + 59, 60)) else { return nil }
    let instant = clock.firstInstant(showing: minute * 60)
    let (nanoseconds, overflow) = instant.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? nil : nanoseconds
  }

  /// The first minute that matches, counted from 1970-01-01 00:00 on the wall.
  private func nextMatch(from minute: Int) -> Int? {
    let day = floorDivide(minute, 1440)
    let rest = minute - day * 1440
    var date = CivilDate(day: day)
    if matches(date), let time = nextTime(from: rest) { return day * 1440 + time }
    date.advance()
    while date.year < CivilDate.yearsEnd {
      if !months.contains(date.month) {
        date.advanceMonth()
      } else if matches(date), let time = nextTime(from: 0) {
        return date.day * 1440 + time
      } else {
        date.advance()
      }
    }
    return nil
  }

  private func matches(_ date: CivilDate) -> Bool {
    let inMonth = monthDays.contains(date.monthDay)
    let inWeek = weekDays.contains(date.weekDay)
    return months.contains(date.month) && (bothDays ? inMonth && inWeek : inMonth || inWeek)
  }

  /// The first matching minute of a day, from one on.
  private func nextTime(from minute: Int) -> Int? {
    if hours.contains(minute / 60), let next = minutes.first(from: minute % 60) {
      return minute / 60 * 60 + next
    }
    guard let hour = hours.first(from: minute / 60 + 1), let next = minutes.first(from: 0) else {
      return nil
    }
    return hour * 60 + next
  }
}
