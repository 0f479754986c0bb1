// The clock on the wall: how a time zone's hours and minutes lie on the line of instants.

import Foundation

/// Local time as seconds: what `date` shows, counted as if the zone were UTC.
///
/// Where a clock is put forward, some local times never come; where it is put back, some come twice.
struct LocalClock {
  let zone: TimeZone

  /// A stretch of instants in which the clock is not changed.
  struct Stretch {
    /// Seconds since the Unix epoch.
    let instants: Range<Int>

    /// Local time is the instant plus this.
    let offset: Int

    /// The local time at which the next stretch begins, by this stretch's offset.
    var localEnd: Int { instants.upperBound + offset }
  }

  /// Local times differ from UTC by less than this.
  static let offsetMax = 26 * 3600

  func offset(at second: Int) -> Int {
    zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second)))
  }

  /// Some instants as stretches, in order.
  ///
  /// No zone changes its clock twice within the six hours that lie between two looks.
  func stretches(_ instants: Range<Int>) -> [Stretch] {
    var found: [Stretch] = []
    var start = instants.lowerBound
    var offset = offset(at: start)
    var look = start
    while look < instants.upperBound {
      let next = min(look + 6 * 3600, instants.upperBound)
      let changed = self.offset(at: next)
      if changed != offset {
        let change = firstInstant(after: look, notAfter: next, withOffsetOtherThan: offset)
        found.append(Stretch(instants: start..<change, offset: offset))
        start = change
        offset = changed
      }
      look = next
    }
    if start < instants.upperBound {
      found.append(Stretch(instants: start..<instants.upperBound, offset: offset))
    }
    return found
  }

  private func firstInstant(
    after low: Int, notAfter high: Int, withOffsetOtherThan offset: Int
  ) -> Int {
    var (low, high) = (low, high)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if self.offset(at: middle) == offset { low = middle } else { high = middle }
    }
    return high
  }

  /// The least local time that the clock has not shown before or at some instant.
  ///
  /// After a clock was put back, that is later than what it shows now.
  func unseen(after second: Int) -> Int {
    stretches(second - Self.offsetMax..<second + 1).map(\.localEnd).max() ?? second
  }

  /// The first instant at which the clock shows a local time, or a later one.
  func firstInstant(showing local: Int) -> Int {
    for stretch in stretches(local - Self.offsetMax..<local + Self.offsetMax) {
      let instant = max(stretch.instants.lowerBound, local - stretch.offset)
      if stretch.instants.contains(instant) { return instant }
    }
    return local
  }
}

/// Whole seconds of a time in nanoseconds, rounded down.
func wholeSeconds(_ unixNanoseconds: Int) -> Int { floorDivide(unixNanoseconds, 1_000_000_000) }

/// The quotient, rounded down also below zero.
func floorDivide(_ value: Int, _ divisor: Int) -> Int {
  let (quotient, rest) = value.quotientAndRemainder(dividingBy: divisor)
  return rest < 0 ? quotient - 1 : quotient
}
