// The machine's fingerprint: fixed facts about where a session ran.

import Foundation
import Glibc

/// Facts about this machine, by name.
///
/// What cannot be read is "unknown".
public enum Environment {
  /// Gathers the fingerprint.
  ///
  /// - Parameter runtime: The worker's runtime, as it names itself.
  /// - Returns: Facts by name.
  public static func fingerprint(runtime: String) -> [String: String] {
    [
      "kernel": line("/proc/sys/kernel/osrelease"),
      "os": field("PRETTY_NAME", of: "/etc/os-release", separator: "=")
        .trimmingCharacters(in: CharacterSet(charactersIn: "\"")),
      "cpu": field("model name", of: "/proc/cpuinfo", separator: ":"),
      "cores": String(ProcessInfo.processInfo.activeProcessorCount),
      "memory_bytes": String(ProcessInfo.processInfo.physicalMemory),
      "page_bytes": String(sysconf(Int32(_SC_PAGESIZE))),
      "governor": line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
      "thp": chosen(line("/sys/kernel/mm/transparent_hugepage/enabled")),
      "max_map_count": line("/proc/sys/vm/max_map_count"),
      "runtime": runtime,
      "swift": BuildFacts.swift,
      "configuration": BuildFacts.configuration,
    ]
  }

  private static func text(_ path: String) -> String {
    // A file that is not there is a fact like any other: unknown.
    (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
  }

  private static func line(_ path: String) -> String {
    text(path).split(separator: "\n").first.map(String.init) ?? "unknown"
  }

  private static func field(_ name: String, of path: String, separator: Character) -> String {
    for line in text(path).split(separator: "\n") where line.hasPrefix(name) {
      let parts = line.split(separator: separator, maxSplits: 1)
      if parts.count == 2 { return parts[1].trimmingCharacters(in: .whitespaces) }
    }
    return "unknown"
  }

  /// Picks the bracketed word of `always [madvise] never`.
  static func chosen(_ line: String) -> String {
    guard let open = line.firstIndex(of: "["), let close = line.firstIndex(of: "]"), open < close
    else { return line }
    return String(line[line.index(after: open)..<close])
  }
}

/// What this program was compiled by and how.
public enum BuildFacts {
  public static let swift: String = {
    #if compiler(>=6.4)
      "6.4 or later"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }()

  public static let configuration: String = {
    #if DEBUG
      "debug"
    #else
      "release"
    #endif
  }()
}
