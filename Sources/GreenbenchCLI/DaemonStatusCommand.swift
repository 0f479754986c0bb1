// `greenbench daemon status`: the daemon in a few figures.

import ArgumentParser
import DaemonAPI
import DaemonClient

/// Prints how the daemon is; exit code 70 when there is none.
struct DaemonStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Tells how the daemon is; exit code 70 when there is none.")

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup var daemon: DaemonOptions

  func run() async throws {
    let status = try await daemon.client.status()
    print(json ? try JSONDocument.text(status) : Self.text(status))
  }

  static func text(_ status: DaemonStatus) -> String {
    let queue = status.queue
    var queued = "\(queue.queued) of at most \(queue.limit) wait"
    if queue.paused > 0 { queued += ", \(queue.paused) are paused" }
    if let running = queue.running { queued += "; job \(running) runs" }
    if let holding = queue.holding { queued += "; held: \(holding)" }
    var memory = "\(status.memory.residentBytes >> 20) MiB resident"
    if let allocated = status.memory.allocatedBytes { memory += ", \(allocated >> 20) allocated" }
    var lines = [
      [
        "daemon", "\(status.state.rawValue), pid \(status.pid), up \(uptime(status.uptimeSeconds))",
      ],
      ["queue", queued],
    ]
    for worker in status.workers {
      let pid = worker.pid.map { ", pid \($0)" } ?? ""
      lines.append([
        "worker",
        "\(worker.state.rawValue)\(pid), \(worker.groups) groups, \(worker.restarts) restarts",
      ])
    }
    lines += [
      ["memory", "\(memory), \(status.memory.descriptors) descriptors"],
      ["store", status.store],
      ["version", "\(status.version) of commit \(status.commit.prefix(12))"],
      ["events", "\(status.lastEvent)"],
    ]
    return Columns.text(lines)
  }

  /// Two figures at most, as in `3 d 4 h`.
  private static func uptime(_ seconds: Double) -> String {
    let whole = Int(max(0, min(seconds, 1e12)))
    let units = [(86400, "d"), (3600, "h"), (60, "min"), (1, "s")]
    let first = units.firstIndex { whole >= $0.0 } ?? 3
    let shown = units[first..<min(first + 2, 4)].map { size, name in
      let count = whole / size
      return "\(size == 86400 ? count : count % (size == 3600 ? 24 : 60)) \(name)"
    }
    return shown.joined(separator: " ")
  }
}
