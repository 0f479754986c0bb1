// Quiet hours: what is read, what is refused, and when they end.

import Foundation
import Testing

@testable import BenchmarkRunner
@testable import DaemonJobs

@Suite("Quiet hours")
struct QuietHoursTests {
  @Test("Spans of the day, also past midnight, and which minutes are in them")
  func spans() throws {
    let hours = try #require(QuietHours("22:00-06:00, 12:30-13:00"))
    let utc = try zone("UTC")
    for (time, quiet) in [
      ("21:59:59", false), ("22:00:00", true), ("23:59:59", true), ("00:00:00", true),
      ("05:59:59", true), ("06:00:00", false), ("12:29:59", false), ("12:30:00", true),
      ("12:59:59", true), ("13:00:00", false),
    ] {
      #expect(hours.contains(at: try instant("2027-01-01T\(time)Z"), in: utc) == quiet, "\(time)")
    }
    func end(_ text: String) throws -> Int { hours.end(after: try instant(text), in: utc) }
    #expect(try end("2027-01-01T22:00:00Z") == instant("2027-01-02T06:00:00Z"))
    #expect(try end("2027-01-01T12:59:59Z") == instant("2027-01-01T13:00:00Z"))
    #expect(try end("2027-01-01T14:00:00Z") == instant("2027-01-01T14:00:00Z"))
    #expect(try end("1969-12-31T22:30:00Z") == instant("1970-01-01T06:00:00Z"))
  }

  @Test(
    "What is no span of the day, or all of it, is none",
    arguments: [
      "", "22:00", "22:00-", "22-06", "22:00-22:00", "24:00-01:00", "00:00-24:01", "0:0-1:00",
      "00:60-01:00", "-1:00-02:00", "+1:00-02:00", "22:00-06:00,", "22:00-06:00-07:00",
      "00:00-24:00", "00:00-12:00,11:00-24:00", "22:00:00-23:00", "a:00-b:00", "001:00-02:00",
    ])
  func refused(text: String) {
    #expect(QuietHours(text) == nil)
  }

  @Test(
    "They end when a clock that is looked at every minute says so",
    arguments: [
      "Europe/Berlin", "America/New_York", "UTC", "Asia/Kolkata", "Australia/Lord_Howe",
    ])
  func ends(name: String) throws {
    let zone = try zone(name)
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    var generator = SplitMix64(seed: 5)
    // The days on which these zones change their clocks, and others.
    let days = ["2027-03-14", "2027-03-28", "2027-04-03", "2027-10-02", "2027-10-31", "2027-11-07"]
    for (text, quiet) in [
      ("22:00-02:30", [0..<150, 1320..<1440]), ("01:15-02:45,02:50-03:30", [75..<165, 170..<210]),
      ("03:00-01:45,02:00-02:10", [180..<1440, 0..<105, 120..<130]), ("00:00-23:59", [0..<1439]),
    ] {
      let hours = try #require(QuietHours(text))
      func isQuiet(_ minute: Int) -> Bool {
        let parts = calendar.dateComponents(
          [.hour, .minute], from: Date(timeIntervalSince1970: Double(minute) * 60))
        let shown = (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
        return quiet.contains { $0.contains(shown) }
      }
      for day in days {
        let minute =
          try instant("\(day)T00:00:00Z") / 60_000_000_000
          + Int.random(in: 0..<1440, using: &generator)
        let at = minute * 60_000_000_000 + Int.random(in: 0..<60_000_000_000, using: &generator)
        #expect(hours.contains(at: at, in: zone) == isQuiet(minute))
        let end = hours.end(after: at, in: zone)
        if isQuiet(minute) {
          let first = try #require((minute...minute + 3000).first { !isQuiet($0) })
          #expect(end == first * 60_000_000_000, "\(text) in \(name) after \(at)")
        } else {
          #expect(end == at)
        }
      }
    }
  }
}
