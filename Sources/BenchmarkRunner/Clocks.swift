// Two clocks: the wall's, which somebody can set, and one that only goes on.

import Foundation

/// Tells the time of day, and notices when that clock is set.
///
/// Times of day are for people. How long something took is told by the steady clock alone.
public struct Clocks: Sendable {
  /// Nanoseconds since the Unix epoch.
  public var wall: @Sendable () -> Int

  /// Nanoseconds since some moment; never less than before.
  public var steady: @Sendable () -> Int

  /// Makes clocks: the machine's, unless somebody has others.
  public init(
    wall: @escaping @Sendable () -> Int = Self.systemWall,
    steady: @escaping @Sendable () -> Int = Self.systemSteady
  ) {
    self.wall = wall
    self.steady = steady
  }

  /// The machine's clock for the time of day.
  public static let systemWall: @Sendable () -> Int = {
    Int(Date().timeIntervalSince1970 * 1e6) * 1000
  }

  private static let start = ContinuousClock.now

  /// The machine's clock that nobody sets; it counts from its first use.
  public static let systemSteady: @Sendable () -> Int = {
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
  }

  /// Both at once.
  struct Reading {
    let wall: Int
    let steady: Int
  }

  func read() -> Reading { Reading(wall: wall(), steady: steady()) }

  /// By how many seconds the wall's clock was set meanwhile; nil when it went as it should.
  ///
  /// What keeps a clock in step makes it a little faster or slower, by less than a thousandth.
  static func secondsSet(from first: Reading, to last: Reading) -> Double? {
    let passed = last.steady - first.steady
    let set = last.wall - first.wall - passed
    guard abs(set) > 500_000_000 + passed / 1000 else { return nil }
    return Double(set) / 1e9
  }
}
