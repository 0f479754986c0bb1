// `greenbench daemon start`: a daemon in the background, ready when the command returns.

import ArgumentParser
import DaemonAPI
import DaemonClient
import Foundation
import Glibc

/// Starts `greenbench daemon run` in a session of its own.
struct DaemonStartCommand: AsyncParsableCommand {
  /// A daemon is ready within two seconds, also on a busy machine.
  private static let deadline = Duration.seconds(10)
  private static let look = Duration.milliseconds(20)

  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Starts the daemon in the background, and waits until it is ready.",
    discussion: """
      Its log goes to daemon.log in the runtime folder, see `greenbench daemon logs`. With systemd, \
      use the unit of scripts/systemd instead.
      """)

  @OptionGroup var options: DaemonRunOptions

  func run() async throws {
    let client = DaemonClient(.socket(path: DaemonOptions.paths.socket))
    if let status = try await Self.running(client) { return try welcome(status) }
    let log = DaemonLog(paths: DaemonOptions.paths)
    let output = try log.open()
    defer { close(output) }
    let begin = log.length
    let child = try DetachedProcess.start(
      ThisProgram.path, ["daemon", "run"] + options.arguments, output: output)
    let clock = ContinuousClock()
    let end = clock.now + Self.deadline
    var obstacle = "it does not answer"
    while clock.now < end {
      if let code = DetachedProcess.ending(of: child) {
        // Somebody else may have been quicker; then there is a daemon, as was asked for.
        if let status = try await Self.running(client) { return try welcome(status) }
        throw Self.died(code, log: log.text(after: begin))
      }
      do {
        guard let found = try await client.obstacle() else {
          return print("the daemon runs, pid \(try await client.status().pid)")
        }
        obstacle = found
      } catch .notRunning, .unreachable {
        // Not yet.
      }
      try await Task.sleep(for: Self.look)
    }
    throw DaemonFault(
      .unreachable,
      "the daemon, pid \(child), is not ready after \(Self.deadline.components.seconds) s"
        + " (\(obstacle)); see `greenbench daemon logs`")
  }

  /// Says that there is one, if it is the one that was asked for.
  private func welcome(_ status: DaemonStatus) throws {
    let (asked, found) = (URL(filePath: options.store.file), URL(filePath: status.store))
    guard asked.resolvingSymlinksInPath().path == found.resolvingSymlinksInPath().path else {
      throw DaemonFault(
        .busy,
        "a daemon runs already, pid \(status.pid), and stores in \(status.store);"
          + " end it with `greenbench daemon stop`, or name another runtime folder")
    }
    print("a daemon runs already, pid \(status.pid)")
  }

  /// The daemon that answers; nil when there is none.
  private static func running(
    _ client: DaemonClient
  ) async throws(DaemonClientError) -> DaemonStatus? {
    do {
      return try await client.status()
    } catch .notRunning {
      return nil
    }
  }

  private static func died(_ code: Int32, log: String) -> DaemonFault {
    // The last thing that a process of ours says is its sentence.
    let own = "greenbench: "
    let last = log.split(whereSeparator: \.isNewline).last { $0.hasPrefix(own) }
    var fault = DaemonFault(
      .internalError,
      last.map { String($0.dropFirst(own.count)) }
        ?? "the daemon ended at once with \(code); see `greenbench daemon logs`")
    if let known = ExitCodes(rawValue: code), known != .ok { fault.exitCode = known.rawValue }
    return fault
  }
}
