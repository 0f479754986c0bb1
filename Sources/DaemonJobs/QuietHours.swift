// Hours in which the daemon starts nothing, because the machine is others'.

public import Foundation

/// Spans of the day, by the clock on the wall: `22:00-06:00, 12:30-13:30`.
public struct QuietHours: Hashable, Sendable {
  /// As they were written.
  public let text: String

  // For each minute of the day: how many minutes until it is quiet no more; 0 where it is not quiet.
  private let left: [Int16]

  public static let form = "spans of the day, as in 22:00-06:00 or 12:00-13:00,22:00-06:00"

  /// Reads spans; one may pass midnight, and midnight may be 24:00 as an end.
  ///
  /// It is nil where the text is none, where a span is empty, or where they fill the whole day.
  ///
  /// - Parameter text: One span or several with commas.
  public init?(_ text: String) {
    self.text = text
    var quiet = [Bool](repeating: false, count: 1440)
    for span in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = span.split(separator: "-", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      guard ends.count == 2, let start = Self.minute(ends[0]), let end = Self.minute(ends[1]),
        start != end, start < 1440
      else { return nil }
      for minute in start..<(end > start ? end : end + 1440) { quiet[minute % 1440] = true }
    }
    guard let free = quiet.firstIndex(of: false) else { return nil }
    // Backwards from a free minute, once around the day.
    var left = [Int16](repeating: 0, count: 1440)
    for step in 1..<1440 {
      let minute = (free - step + 1440) % 1440
      left[minute] = quiet[minute] ? left[(minute + 1) % 1440] + 1 : 0
    }
    self.left = left
  }

  private static func minute(_ text: String) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, (1...2).contains(parts[0].count), parts[1].count == 2,
      parts.joined().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour * 60 + minute <= 1440
    else { return nil }
    return hour * 60 + minute
  }

  /// Whether an instant is within the quiet hours.
  ///
  /// - Parameters:
  ///   - unixNanoseconds: Since the Unix epoch.
  ///   - zone: Whose clock the hours are of.
  /// - Returns: Whether nothing is to start.
  public func contains(at unixNanoseconds: Int, in zone: TimeZone) -> Bool {
    let second = wholeSeconds(unixNanoseconds)
    return left(atLocal: second + LocalClock(zone: zone).offset(at: second)) > 0
  }

  /// The first instant, from one on, that is not within the quiet hours.
  ///
  /// - Parameters:
  ///   - unixNanoseconds: Since the Unix epoch; returned where it is not quiet.
  ///   - zone: Whose clock the hours are of.
  /// - Returns: Nanoseconds since the Unix epoch.
  public func end(after unixNanoseconds: Int, in zone: TimeZone) -> Int {
    guard contains(at: unixNanoseconds, in: zone) else { return unixNanoseconds }
    let second = wholeSeconds(unixNanoseconds)
    // A day, and what a clock that is put back can add to it.
    let window = second..<second + 3 * 86400
    for stretch in LocalClock(zone: zone).stretches(window) {
      let start = stretch.instants.lowerBound
      let end = start + left(atLocal: start + stretch.offset)
      if stretch.instants.contains(end) { return end * 1_000_000_000 }
    }
    return window.upperBound * 1_000_000_000
  }

  /// Seconds until it is quiet no more, by the clock.
  private func left(atLocal local: Int) -> Int {
    let minute = floorDivide(local, 60)
    let minutes = Int(left[minute - floorDivide(minute, 1440) * 1440])
    return minutes == 0 ? 0 : (minute + minutes) * 60 - local
  }
}
