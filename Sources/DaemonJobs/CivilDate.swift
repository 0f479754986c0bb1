// A date of the Gregorian calendar, moved on by days and months.

/// A date, with the count of its day: cheaper than a calendar's, and without a time zone.
struct CivilDate {
  /// Days since 1970-01-01.
  private(set) var day: Int
  private(set) var year: Int

  /// From 1.
  private(set) var month: Int

  /// From 1.
  private(set) var monthDay: Int

  /// From 0, Sunday.
  private(set) var weekDay: Int

  /// Nanoseconds since 1970 in an `Int` end in this year.
  static let yearsEnd = 2263

  /// The date of a day since 1970-01-01, also before it.
  init(day: Int) {
    self.day = day
    // Years of 400 come again after this many days; within one, steps of a year are few.
    let era = floorDivide(day, 146_097)
    var rest = day - era * 146_097
    year = 1970 + era * 400
    while rest >= Self.days(year: year) {
      rest -= Self.days(year: year)
      year += 1
    }
    month = 1
    while rest >= Self.days(month: month, year: year) {
      rest -= Self.days(month: month, year: year)
      month += 1
    }
    monthDay = rest + 1
    // 1970-01-01 was a Thursday.
    weekDay = day - floorDivide(day + 4, 7) * 7 + 4
  }

  mutating func advance() {
    if monthDay == Self.days(month: month, year: year) {
      advanceMonth()
    } else {
      step(1)
      monthDay += 1
    }
  }

  /// To the first of the next month.
  mutating func advanceMonth() {
    step(Self.days(month: month, year: year) - monthDay + 1)
    monthDay = 1
    month += 1
    if month == 13 {
      month = 1
      year += 1
    }
  }

  private mutating func step(_ days: Int) {
    day += days
    weekDay = (weekDay + days) % 7
  }

  private static func isLeap(_ year: Int) -> Bool {
    year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
  }

  private static func days(year: Int) -> Int { isLeap(year) ? 366 : 365 }

  private static func days(month: Int, year: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}
