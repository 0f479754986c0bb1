// `greenbench queue top`: the daemon and its jobs, once a second.

import ArgumentParser
import DaemonAPI
import DaemonClient

/// A live view on a terminal; elsewhere a line whenever something has changed.
struct QueueTopCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "Shows the daemon and its jobs, until Ctrl-C.")

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Seconds between two looks.", valueName: "seconds"))
  var interval = 1.0

  @Option(name: [.customShort("n"), .long], help: ArgumentHelp("End after as many looks."))
  var count: Int?

  @OptionGroup var daemon: DaemonOptions

  func validate() throws {
    guard (0.1...3600).contains(interval) else {
      throw ValidationError("--interval is \(interval); choose from 0.1 to 3600 seconds")
    }
    if let count, count < 1 { throw ValidationError("--count is \(count); choose 1 or more") }
  }

  func run() async throws {
    let client = daemon.client
    var last = ""
    var looks = 0
    while true {
      let status = try await client.status()
      if Terminal.isInteractive {
        let jobs = try await client.jobs(JobFilter(limit: Self.rows)).jobs
        StandardOutput.write("\u{1B}[H\u{1B}[2J" + Self.screen(status, jobs) + "\n")
      } else {
        let line = Self.line(status)
        if line != last { StandardOutput.line(line) }
        last = line
      }
      looks += 1
      if let count, looks >= count { return }
      try await Task.sleep(for: .seconds(interval))
    }
  }

  /// As many jobs as a small terminal shows below the figures.
  private static let rows = 15

  private static func screen(_ status: DaemonStatus, _ jobs: [Job]) -> String {
    DaemonStatusCommand.text(status) + "\n\n" + JobTable.text(jobs, width: Terminal.width)
  }

  static func line(_ status: DaemonStatus) -> String {
    let workers = status.workers.map(\.state.rawValue).joined(separator: ",")
    return "\(status.state.rawValue)  running \(status.queue.running.map(String.init) ?? "-")"
      + "  queued \(status.queue.queued)  paused \(status.queue.paused)  workers \(workers)"
  }
}
