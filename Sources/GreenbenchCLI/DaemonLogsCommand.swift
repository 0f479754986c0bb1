// `greenbench daemon logs`: what a daemon in the background has logged.

import ArgumentParser
import DaemonAPI
import Foundation

/// Prints the end of the log.
struct DaemonLogsCommand: AsyncParsableCommand {
  /// How often a log that is followed is looked at.
  private static let look = Duration.milliseconds(250)

  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Prints the end of the daemon's log.",
    discussion: "A daemon under systemd logs to the journal: `journalctl --user -u greenbench`.")

  @Option(name: [.customShort("n"), .long], help: "How many lines.")
  var lines = 50

  @Flag(name: .shortAndLong, help: "Go on with the lines that come, until Ctrl-C.")
  var follow = false

  func validate() throws {
    guard lines >= 0 else { throw ValidationError("--lines is \(lines); choose 0 or more") }
  }

  func run() async throws {
    let log = DaemonLog(paths: DaemonOptions.paths)
    guard FileManager.default.fileExists(atPath: log.paths.log) else {
      throw DaemonFault(
        .notFound,
        "no log \(log.paths.log); under systemd, see `journalctl --user -u greenbench`")
    }
    var place = log.length
    let known = log.text(after: 0).split(separator: "\n").suffix(lines)
    if !known.isEmpty { StandardOutput.line(known.joined(separator: "\n")) }
    while follow {
      try await Task.sleep(for: Self.look)
      let length = log.length
      // A log that was emptied begins anew.
      if length < place { place = 0 }
      guard length > place else { continue }
      StandardOutput.write(log.text(after: place))
      place = length
    }
  }
}
