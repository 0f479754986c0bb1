// How much memory the machine can still give, by the kernel's own estimate.

import Foundation

/// Reads `/proc/meminfo`.
public enum AvailableMemory {
  /// Bytes that can be had without swapping; nil where the kernel does not say.
  public static func bytes() -> Int? {
    // Without the file nothing is known, and nothing is refused for it.
    guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else {
      return nil
    }
    for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
      return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
    return nil
  }
}
