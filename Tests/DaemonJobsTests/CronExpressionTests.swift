// Cron expressions: what is read, what is refused, and when they come, against a clock of our own.

import DaemonAPI
import Foundation
import Testing

@testable import BenchmarkRunner
@testable import DaemonJobs

/// Nanoseconds since the Unix epoch of a time like `2027-03-28T00:30:00Z`.
func instant(_ text: String) throws -> Int {
  Int(try Date(text, strategy: .iso8601).timeIntervalSince1970) * 1_000_000_000
}

func zone(_ name: String) throws -> TimeZone { try #require(TimeZone(identifier: name)) }

@Suite("Cron expressions")
struct CronExpressionTests {
  @Test(
    "The next time, by hand",
    arguments: [
      ("0 3 * * *", "2027-01-01T03:00:00Z", "2027-01-02T03:00:00Z"),
      ("0 3 * * *", "2027-01-01T02:59:59Z", "2027-01-01T03:00:00Z"),
      ("*/15 8-10,22 * * *", "2027-01-01T10:45:00Z", "2027-01-01T22:00:00Z"),
      ("5-59/20 * * * *", "2027-01-01T00:45:00Z", "2027-01-01T01:05:00Z"),
      ("0 0 * jan,MAR mon", "2027-01-25T00:00:00Z", "2027-03-01T00:00:00Z"),
      // Both days restricted: one of them is enough.
      ("0 0 13 * 5", "2027-01-01T00:00:00Z", "2027-01-08T00:00:00Z"),
      ("0 0 13 * fri", "2027-01-08T00:00:00Z", "2027-01-13T00:00:00Z"),
      // A step of a star is no restriction: both have to match.
      ("0 0 */2 * 1", "2027-01-04T00:00:00Z", "2027-01-11T00:00:00Z"),
      ("0 0 * * 7", "2027-01-01T00:00:00Z", "2027-01-03T00:00:00Z"),
      ("0 0 * * 6-7", "2027-01-02T00:00:00Z", "2027-01-03T00:00:00Z"),
      ("0 0 * * */7", "2027-01-01T00:00:00Z", "2027-01-03T00:00:00Z"),
      ("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
      ("0 0 29 2 */7", "2088-03-01T00:00:00Z", "2128-02-29T00:00:00Z"),
      ("@hourly", "2027-01-01T00:00:00Z", "2027-01-01T01:00:00Z"),
      (" @Daily ", "2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"),
      ("@weekly", "2027-01-01T00:00:00Z", "2027-01-03T00:00:00Z"),
      ("@monthly", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"),
      ("@yearly", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
      ("* * * * *", "1969-12-31T23:59:30Z", "1970-01-01T00:00:00Z"),
      ("* * * * *", "1965-02-28T23:59:59Z", "1965-03-01T00:00:00Z"),
    ])
  func next(text: String, after: String, expected: String) throws {
    let next = try CronExpression(text).next(after: instant(after), in: zone("UTC"))
    #expect(next == (try instant(expected)))
  }

  @Test("A time that is nowhere in the calendar never comes")
  func never() throws {
    for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "59 23 31 12 */7"] {
      let start = try instant(
        text.hasPrefix("59") ? "2261-12-31T00:00:00Z" : "2027-01-01T00:00:00Z")
      #expect(try CronExpression(text).next(after: start, in: zone("UTC")) == nil)
    }
    #expect(try CronExpression("* * * * *").next(after: .max - 1, in: zone("UTC")) == nil)
  }

  @Test("A clock put forward makes a time late, one put back does not bring it twice")
  func changes() throws {
    let berlin = try zone("Europe/Berlin")
    func next(_ text: String, _ after: String) throws -> Int? {
      try CronExpression(text).next(after: instant(after), in: berlin)
    }
    // 02:00 becomes 03:00 at 01:00 UTC.
    #expect(try next("30 2 * * *", "2027-03-28T00:00:00Z") == instant("2027-03-28T01:00:00Z"))
    #expect(try next("15,30,45 2 * * *", "2027-03-28T01:00:00Z") == instant("2027-03-29T00:15:00Z"))
    // 03:00 becomes 02:00 at 01:00 UTC.
    #expect(try next("30 2 * * *", "2027-10-31T00:00:00Z") == instant("2027-10-31T00:30:00Z"))
    #expect(try next("30 2 * * *", "2027-10-31T00:30:00Z") == instant("2027-11-01T01:30:00Z"))
    #expect(try next("30 2 * * *", "2027-10-31T01:10:00Z") == instant("2027-11-01T01:30:00Z"))
    #expect(try next("* * * * *", "2027-10-31T00:59:00Z") == instant("2027-10-31T02:00:00Z"))
  }

  @Test(
    "A mistake is answered with its field and what may stand there",
    arguments: [
      ("60 * * * *", "the minute is `60`; write *, numbers from 0 to 59"),
      ("* 24 * * *", "the hour is `24`; write *, numbers from 0 to 23"),
      ("* * 0 * *", "the day of the month is `0`; write *, numbers from 1 to 31"),
      ("* * * 13 *", "the month is `13`; write *, numbers from 1 to 12, jan to dec"),
      ("* * * * 8", "the day of the week is `8`; write *, numbers from 0 to 7, sun to sat"),
      ("* * * mon *", "the month is `mon`; "), ("5/2 * * * *", "the minute is `5/2`; "),
      ("*/0 * * * *", "the minute is `*/0`; "), ("5-2 * * * *", "the minute is `5-2`; "),
      ("1,,2 * * * *", "the minute is `1,,2`; "), ("+1 * * * *", "the minute is `+1`; "),
      ("-1 * * * *", "the minute is `-1`; "), ("1- * * * *", "the minute is `1-`; "),
      ("1-2-3 * * * *", "the minute is `1-2-3`; "), ("*/ * * * *", "the minute is `*/`; "),
      ("*/1/1 * * * *", "the minute is `*/1/1`; "), ("*5 * * * *", "the minute is `*5`; "),
      ("99999999999999999999 * * * *", "the minute is `99999999999999999999`; "),
      ("٣ * * * *", "the minute is `٣`; "),
      ("* * * *", "a time has five fields, this one 4; write minute, hour, "),
      ("", "a time has five fields, this one 0; "),
      ("@reboot", "there is no @reboot; write @hourly, @daily, "),
      ("@daily 1", "a time has five fields, this one 2; "),
    ])
  func mistakes(text: String, complaint: String) {
    #expect {
      try CronExpression(text)
    } throws: { error in
      #expect("\(error)".hasPrefix(complaint), "\(error)")
      return (error as? Refusal)?.code == .malformed
    }
  }

  @Test(
    "Random expressions come when a clock that is looked at every minute says so",
    arguments: [
      "Europe/Berlin", "America/New_York", "UTC", "Asia/Kolkata", "Australia/Lord_Howe",
    ])
  func random(name: String) throws {
    let zone = try zone(name)
    var generator = SplitMix64(seed: UInt64(name.utf8.count))
    for (from, days) in [("2027-03-01T00:00:00Z", 40), ("2027-09-25T00:00:00Z", 50)] {
      let wall = try WatchedClock(zone: zone, from: instant(from) / 60_000_000_000, days: days)
      for _ in 0..<6 {
        let plan = WatchedClock.Plan(&generator)
        let expression = try CronExpression(plan.text)
        let times = wall.times(of: plan)
        for _ in 0..<4 {
          let minute = wall.start + Int.random(in: 60..<days * 1440, using: &generator)
          var after =
            minute * 60_000_000_000 + Int.random(in: -3...3, using: &generator) * 20_000_000_001
          for time in times.drop(while: { $0 <= after }).prefix(12) {
            let next = expression.next(after: after, in: zone)
            #expect(next == time, "\(plan.text) in \(name) after \(after)")
            after = time
          }
        }
      }
    }
  }
}
