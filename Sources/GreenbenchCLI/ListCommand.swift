// `greenbench list`: the newest sessions.

import ArgumentParser
import ResultStore

/// Prints one line a session, newest first.
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the stored sessions, newest first.")

  @Option(help: ArgumentHelp("The most sessions to list.", valueName: "count"))
  var limit = 20

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup var store: StoreOptions

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit is 1 or more, got \(limit)") }
  }

  func run() throws {
    let sessions = try store.open().sessions(limit: limit)
    print(json ? try JSONDocument.text(sessions) : Self.table(sessions))
  }

  /// The lines for people.
  static func table(_ sessions: [SessionSummary]) -> String {
    var table = TextTable([
      "SESSION", "STARTED", "VERDICT", "ROWS", "WORKLOADS", "BACKENDS", "B/greenlet",
    ])
    table.rightAligned = [3, 6]
    for session in sessions {
      table.rows.append([
        String(session.session.prefix(8)), session.startedUTC, session.verdict,
        String(session.rows), session.workloads.joined(separator: ","),
        session.backends.joined(separator: ","), bytes(session),
      ])
    }
    return table.text(width: Terminal.width, shrinking: [5, 4], dropping: [6])
  }

  /// The least and the most of a session's rows.
  private static func bytes(_ session: SessionSummary) -> String {
    guard let least = session.bytesPerGreenletLeast, let most = session.bytesPerGreenletMost else {
      return "-"
    }
    let ends = [least, most].map { ReportTable.grouped(Int($0.rounded())) }
    return ends[0] == ends[1] ? ends[0] : "\(ends[0]) to \(ends[1])"
  }
}
