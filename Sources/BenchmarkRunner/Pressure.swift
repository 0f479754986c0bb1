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

  static func parse(_ text: String) -> Int? {
    guard let some = text.split(separator: "\n").first(where: { $0.hasPrefix("some ") }),
      let total = some.split(separator: " ").first(where: { $0.hasPrefix("total=") })
    else { return nil }
    return Int(total.dropFirst("total=".count))
  }
}
