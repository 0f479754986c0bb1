// The doctor's checks of the machine: processors, clock, pressure, systemd, and a worker.

import BenchmarkRunner
import Foundation
import Reports

/// Looks at what a daemon measures with.
enum MachineChecks {
  static var findings: [Finding] { [pressure, processors, clock, unit] }

  private static var pressure: Finding {
    Pressure.waitedMicroseconds() == nil
      ? .warn(
        "pressure", "the kernel does not tell how long tasks wait (PSI)",
        "boot it with psi=1, or do without --wait-for-quiet")
      : .ok("pressure", "the kernel tells how long tasks wait")
  }

  private static var processors: Finding {
    let count = ProcessInfo.processInfo.activeProcessorCount
    return count < 2
      ? .warn(
        "processors", "one, for the daemon and its worker together",
        "give the machine two, or ask the daemon little while it measures")
      : .ok("processors", "\(count)")
  }

  /// Clock sources that are read without a system call.
  private static let fastClocks: Set<String> = [
    "tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page",
  ]

  private static var clock: Finding {
    let file = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    // Where the file cannot be read, the clock is not known, and the finding says so.
    let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? "unknown"
    let name = text.trimmingCharacters(in: .whitespacesAndNewlines)
    return fastClocks.contains(name)
      ? .ok("clock", name)
      : .warn("clock", "the source is \(name), slow to read", "boot with clocksource=tsc")
  }

  private static var unit: Finding {
    let home = ProcessInfo.processInfo.environment["HOME"] ?? "."
    let folders = [
      "\(home)/.config/systemd/user", "/etc/systemd/user", "/usr/lib/systemd/user",
      "/etc/systemd/system", "/usr/lib/systemd/system",
    ]
    let found = folders.map { "\($0)/greenbench.service" }
      .first { FileManager.default.fileExists(atPath: $0) }
    return found.map { .ok("systemd", $0) }
      ?? .warn(
        "systemd", "no unit: nobody restarts the daemon after a crash or a boot",
        "copy those of scripts/systemd")
  }

  static func worker(_ options: WorkerOptions) async -> Finding {
    do {
      let hello = try await options.runner.greet()
      let count = hello.listedWorkloads.count
      return .ok("worker", "\(hello.name), \(hello.backends.count) backends, \(count) workloads")
    } catch {
      return .bad("worker", "it does not start: \(error)", "build greenbench anew")
    }
  }
}
