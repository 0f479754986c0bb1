// `greenbench daemon events`: what happened, and what happens.

import ArgumentParser
import DaemonAPI
import DaemonClient

/// Prints events, oldest first.
struct DaemonEventsCommand: AsyncParsableCommand {
  /// As many as a screen has lines.
  static let standardCount = 20

  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Prints the daemon's events, oldest first.",
    discussion: """
      Every event has a number. --after takes the number of the last event that is known already, \
      so nothing is missed and nothing comes twice; without it, the newest 20 are printed.
      """)

  @Option(help: ArgumentHelp("Only events after this one; 0 for all.", valueName: "number"))
  var after: Int?

  @Flag(name: .shortAndLong, help: "Go on with the events that come, until the daemon stops.")
  var follow = false

  @Flag(help: "Print one JSON document a line.")
  var json = false

  @OptionGroup var daemon: DaemonOptions

  func validate() throws {
    if let after, after < 0 { throw ValidationError("--after is \(after); choose 0 or more") }
  }

  func run() async throws {
    let client = daemon.client
    var cursor: Int
    if let after {
      cursor = after
    } else {
      cursor = max(0, try await client.status().lastEvent - Self.standardCount)
    }
    if follow {
      for try await event in client.eventStream(after: cursor) { try show(event) }
      return
    }
    while true {
      let page = try await client.events(after: cursor, limit: DaemonProtocol.pageMax)
      for event in page.events { try show(event) }
      guard page.events.count == DaemonProtocol.pageMax, page.next > cursor else { return }
      cursor = page.next
    }
  }

  private func show(_ event: DaemonEvent) throws {
    if json { return StandardOutput.line(try JSONDocument.line(event)) }
    let job = event.job.map { "job \($0)  " } ?? ""
    StandardOutput.line("\(event.seq)  \(event.at)  \(event.kind.rawValue)  \(job)\(event.message)")
  }
}
