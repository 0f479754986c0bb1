// What the daemon's own process takes, as the kernel counts it.

import DaemonAPI
import Foundation
import Glibc

/// Reads `/proc`.
enum ProcessFigures {
  /// Bytes of memory that are resident; nil when the process is gone.
  static func residentBytes(of pid: Int32) -> Int? {
    // A process that has just gone has no memory to tell of.
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8) else {
      return nil
    }
    let words = text.split(separator: " ")
    guard words.count > 1, let pages = Int(words[1]) else { return nil }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Open descriptors of this process.
  static func descriptors() -> Int {
    // Reading the folder takes one descriptor itself. Without /proc nobody can tell.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return max(0, names.count - 1)
  }

  /// What this process takes now.
  static func own(allocatedBytes: Int?) -> DaemonStatus.OwnMemory {
    DaemonStatus.OwnMemory(
      residentBytes: residentBytes(of: getpid()) ?? 0, descriptors: descriptors(),
      allocatedBytes: allocatedBytes)
  }
}
