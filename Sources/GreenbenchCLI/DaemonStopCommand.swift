// `greenbench daemon stop`: asks the daemon to end, and waits until it has.

import ArgumentParser
import DaemonAPI
import DaemonClient
import Foundation
import Glibc

/// Sends SIGTERM to the daemon behind the socket.
struct DaemonStopCommand: AsyncParsableCommand {
  /// The daemon drains for at most 5 s; its store is closed after that.
  private static let deadline = Duration.seconds(15)
  private static let look = Duration.milliseconds(20)

  static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Stops the daemon, and waits until it has ended.",
    discussion: """
      The block that is being measured ends, or is marked; nothing that was acknowledged is lost. \
      Waiting jobs wait on until a daemon runs again.
      """)

  func run() async throws {
    let paths = DaemonOptions.paths
    let client = DaemonClient(.socket(path: paths.socket))
    let status: DaemonStatus
    do {
      status = try await client.status()
    } catch .notRunning {
      return print("no daemon runs")
    }
    // The number comes from whoever answers; the kernel knows who that is.
    guard let peer = try await client.peer(), peer.pid == status.pid else {
      throw DaemonFault(
        .permission,
        "the socket was made by another process than pid \(status.pid), so by systemd;"
          + " stop it with `systemctl --user stop greenbench.socket greenbench.service`")
    }
    guard kill(status.pid, SIGTERM) == 0 else {
      if errno == ESRCH { return print("the daemon has just ended") }
      throw DaemonFault(.permission, "pid \(status.pid) may not be signalled; ask its user")
    }
    let clock = ContinuousClock()
    let end = clock.now + Self.deadline
    while clock.now < end {
      if !Self.isAlive(status.pid), !FileManager.default.fileExists(atPath: paths.socket) {
        return print("the daemon, pid \(status.pid), has ended")
      }
      try await Task.sleep(for: Self.look)
    }
    throw DaemonFault(
      .unreachable,
      "the daemon, pid \(status.pid), has not ended after \(Self.deadline.components.seconds) s;"
        + " see `greenbench daemon logs`, or `kill -9 \(status.pid)`: nothing stored is lost")
  }

  /// Whether a process runs; one that only waits to be reaped does not.
  private static func isAlive(_ pid: pid_t) -> Bool {
    // No such file, no such process.
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else {
      return false
    }
    // The state follows the name, which stands in brackets and may have any other sign in it.
    let state = text.split(separator: ")").last?.split(separator: " ").first
    return state != "Z" && state != "X"
  }
}
