// How long tasks of this machine waited for a CPU: the kernel's pressure-stall information.

import Foundation

/// Reads `/proc/pressure/cpu`.
public enum Pressure {
  /// Reads how long, since boot, at least one task was waiting for a CPU.
  ///
  /// - Returns: Microseconds; nil on a kernel without PSI.
  public static func waitedMicroseconds() -> Int? {
    text().flatMap(parse)
  }

  /// Reads how much of the last ten seconds at least one task was waiting for a CPU.
  ///
  /// - Returns: Percent; nil on a kernel without PSI.
  public static func percentOfTenSeconds() -> Double? {
    text().flatMap { word("avg10=", of: $0) }.flatMap { Double($0) }
  }

  private static func text() -> String? {
    // A kernel without PSI has no such file; there is nothing to report then.
    try? String(contentsOfFile: "/proc/pressure/cpu", encoding: .utf8)
  }

  static func parse(_ text: String) -> Int? {
    word("total=", of: text).flatMap { Int($0) }
  }

  private static func word(_ name: String, of text: String) -> Substring? {
    text.split(separator: "\n").first { $0.hasPrefix("some ") }?
      .split(separator: " ").first { $0.hasPrefix(name) }?.dropFirst(name.count)
  }
}
