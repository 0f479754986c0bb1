// What the kernel tells about processes: memory, descriptors, wake-ups, time, and whose they are.

import Foundation
import Glibc

/// Reads /proc; a process that is gone has no facts.
enum ProcessFacts {
  static func residentBytes(_ pid: Int32) -> Int? { kibibytes(pid, "VmRSS") }

  /// The most that was ever resident, since it was last forgotten.
  static func peakBytes(_ pid: Int32) -> Int? { kibibytes(pid, "VmHWM") }

  static func descriptors(_ pid: Int32) -> Int? { names(in: "/proc/\(pid)/fd")?.count }

  static func mappings(_ pid: Int32) -> Int? {
    text("/proc/\(pid)/maps").map { $0.count { $0 == "\n" } }
  }

  /// A limit that it has now, as it is told: `Max open files`.
  static func softLimit(_ pid: Int32, _ name: String) -> String {
    text("/proc/\(pid)/limits")?.split(separator: "\n").first { $0.hasPrefix(name) }?
      .dropFirst(name.count).split(separator: " ").first.map { String($0) } ?? "unlimited"
  }

  static func threads(_ pid: Int32) -> [String] { names(in: "/proc/\(pid)/task") ?? [] }

  /// How often its threads have gone to sleep so far, by thread.
  static func wakeups(_ pid: Int32) -> [String: Int] {
    byThread(pid) { thread in
      field("/proc/\(pid)/task/\(thread)/status", "voluntary_ctxt_switches").flatMap { Int($0) }
    }
  }

  /// Nanoseconds on a CPU, by thread; empty where the kernel does not count.
  static func cpuNanoseconds(_ pid: Int32) -> [String: Int] {
    byThread(pid) { thread in
      text("/proc/\(pid)/task/\(thread)/schedstat")?.split(separator: " ").first
        .flatMap { Int($0) }
    }
  }

  /// Seconds in which its threads could have run and did not, by thread; empty where nobody counts.
  static func delaySeconds(_ pid: Int32) -> [String: Double] {
    var found: [String: Double] = [:]
    for thread in threads(pid) { found[thread] = delay("/proc/\(pid)/task/\(thread)/schedstat") }
    return found
  }

  /// The same, for the calling thread.
  static var delaySecondsOfThread: Double { delay("/proc/thread-self/schedstat") ?? 0 }

  private static func delay(_ path: String) -> Double? {
    guard let words = text(path)?.split(separator: " "), words.count > 1 else { return nil }
    return Double(words[1]).map { $0 / 1e9 }
  }

  /// Seconds in which the hypervisor gave this machine's CPUs to others.
  static var stolenSeconds: Double {
    guard let words = text("/proc/stat")?.prefix(while: { $0 != "\n" }).split(separator: " "),
      words.count > 8, let ticks = Double(words[8])
    else { return 0 }
    return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Whether it is there, and no zombie.
  static func isAlive(_ pid: Int32) -> Bool {
    // The state follows the name, which stands in brackets and may have any other sign in it.
    guard let stat = text("/proc/\(pid)/stat"),
      let state = stat.split(separator: ")").last?.split(separator: " ").first
    else { return false }
    return state != "Z" && state != "X"
  }

  /// Those that it started and that are there, or were not waited for yet.
  static func children(_ pid: Int32) -> [Int32] {
    threads(pid).flatMap { thread in
      (text("/proc/\(pid)/task/\(thread)/children") ?? "").split(separator: " ")
        .compactMap { Int32($0) }
    }
  }

  static func parent(_ pid: Int32) -> Int32? {
    field("/proc/\(pid)/status", "PPid").flatMap { Int32($0) }
  }

  /// The living processes that were started with this in their environment.
  static func started(with mark: String) -> [Int32] {
    (names(in: "/proc") ?? []).compactMap { Int32($0) }.filter { pid in
      pid != getpid() && text("/proc/\(pid)/environ")?.contains(mark) == true && isAlive(pid)
    }
  }

  private static func byThread(
    _ pid: Int32, _ value: (String) -> Int?
  ) -> [String: Int] {
    var found: [String: Int] = [:]
    for thread in threads(pid) { found[thread] = value(thread) }
    return found
  }

  private static func kibibytes(_ pid: Int32, _ name: String) -> Int? {
    field("/proc/\(pid)/status", name)?.split(separator: " ").first.flatMap { Int($0) }
      .map { $0 << 10 }
  }

  private static func field(_ path: String, _ name: String) -> String? {
    text(path)?.split(separator: "\n").first { $0.hasPrefix(name + ":") }
      .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
  }

  private static func text(_ path: String) -> String? {
    // It may have ended in between, and that is what nil says.
    (try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) }
  }

  private static func names(in folder: String) -> [String]? {
    // The same.
    try? FileManager.default.contentsOfDirectory(atPath: folder)
  }
}
