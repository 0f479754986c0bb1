// `greenbench queue`: the daemon's jobs, one by one.

import ArgumentParser
import DaemonAPI
import DaemonClient
import Foundation
import Reports

/// The group of commands on jobs.
struct QueueCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "queue", abstract: "Lists, cancels, pauses and resumes jobs of the daemon.",
    subcommands: [List.self, Cancel.self, Pause.self, Resume.self, QueueTopCommand.self],
    defaultSubcommand: List.self)

  /// `greenbench queue ls`.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ls", abstract: "Lists jobs, newest first.")

    @Option(
      help: ArgumentHelp(
        "Only jobs of these states, separated by commas, as in queued,running.",
        valueName: "states"))
    var state: String?

    @Option(help: ArgumentHelp("The most jobs to list.", valueName: "count"))
    var limit = 20

    @Flag(help: "Print one JSON document.")
    var json = false

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
      guard (1...DaemonProtocol.pageMax).contains(limit) else {
        throw ValidationError("--limit is \(limit); choose from 1 to \(DaemonProtocol.pageMax)")
      }
      _ = try states()
    }

    private func states() throws -> Set<Job.State> {
      guard let state else { return [] }
      return Set(
        try state.split(separator: ",").map { word in
          guard let state = Job.State(rawValue: String(word)) else {
            let known = Job.State.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--state \(word) is none; choose from \(known)")
          }
          return state
        })
    }

    func run() async throws {
      let page = try await daemon.client.jobs(JobFilter(states: states(), limit: limit))
      print(json ? try JSONDocument.text(page) : JobTable.text(page.jobs, width: Terminal.width))
    }
  }

  /// `greenbench queue cancel <id>`.
  struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Cancels a job; complete blocks of one that runs are stored.")
    @OptionGroup var target: JobTarget
    func run() async throws { try await target.act(.cancel) }
  }

  /// `greenbench queue pause <id>`.
  struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Holds a job until it is resumed; one that runs is stopped, and begins anew then.")
    @OptionGroup var target: JobTarget
    func run() async throws { try await target.act(.pause) }
  }

  /// `greenbench queue resume <id>`.
  struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lets a paused job have its turn again.")
    @OptionGroup var target: JobTarget
    func run() async throws { try await target.act(.resume) }
  }
}

/// Which job something is done to.
struct JobTarget: ParsableArguments {
  @Argument(help: "The job's number.")
  var job: Int

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup var daemon: DaemonOptions

  func act(_ action: JobAction) async throws {
    let changed = try await daemon.client.act(action, job: job)
    if json { return print(try JSONDocument.text(changed)) }
    // A job that runs comes to its new state at its worker's next step.
    let reason = changed.reason.map { ": \($0)" } ?? ""
    print("job \(changed.id) \(changed.state.rawValue)\(reason)")
  }
}

/// Jobs as lines for people.
enum JobTable {
  static func text(_ jobs: [Job], width: Int) -> String {
    var table = TextTable([
      "JOB", "STATE", "PRIO", "CLIENT", "WORKLOAD", "BACKENDS", "SUBMITTED", "SESSION", "REASON",
    ])
    table.rightAligned = [0, 2]
    for job in jobs {
      let scenario = job.request.scenario
      table.rows.append([
        String(job.id), job.state.rawValue, String(job.request.priority), job.client,
        scenario.workload,
        scenario.backends.isEmpty ? "all" : scenario.backends.joined(separator: ","),
        WallTime.text(job.submittedUnixNanoseconds),
        job.session.map { String($0.prefix(8)) } ?? "-", job.reason ?? "",
      ])
    }
    return table.text(width: width, shrinking: [8, 5, 4, 3], dropping: [3, 2])
  }
}

/// Instants for people.
enum WallTime {
  /// ISO 8601, UTC, whole seconds, as other lists have them; a dash for nil.
  static func text(_ unixNanoseconds: Int?) -> String {
    guard let unixNanoseconds else { return "-" }
    return Date(timeIntervalSince1970: Double(unixNanoseconds / 1_000_000_000)).ISO8601Format()
  }
}
