// How long tasks of this machine waited for a CPU: the kernel's pressure-stall information.

import Foundation

/// Reads `/proc/pressure/cpu`.
public enum Pressure {
  /// Reads how long, since boot, at least one task was waiting for a CPU.
  ///
  /// - Returns: Microseconds; nil on a kernel without PSI.
  public static func waitedMicroseconds() -> Int? {
    // A kernel without PSI has no such file; there is nothing to report then.
    guard let text = try? String(contentsOfFile: "/proc/pressure/cpu", encoding: .utf8) else {
      return nil
    }
    return parse(text)
  }

  /// Reads how much of the last ten seconds at least one task was waiting for a CPU.
  ///
  /// - Returns: Percent; nil on a kernel without PSI.
  public static func percentOfTenSeconds() -> Double? {
    // As above.
    guard let text = try? String(contentsOfFile: "/proc/pressure/cpu", encoding: .utf8) else {
      return nil
    }
    return word("avg10=", of: text).flatMap(Double.init)
  }

  static func parse(_ text: String) -> Int? {
    word("total=", of: text).flatMap { Int($0) }
  }

  private static func word(_ name: String, of text: String) -> Substring? {
    text.split(separator: "\n").first { $0.hasPrefix("some ") }?
      .split(separator: " ").first { $0.hasPrefix(name) }?.dropFirst(name.count)
  }
}
