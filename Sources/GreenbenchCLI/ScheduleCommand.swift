// `greenbench schedule`: runs that come by themselves, by the clock.

import ArgumentParser
import DaemonAPI
import DaemonClient
import Foundation
import Reports

/// The group of commands on schedules.
struct ScheduleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedule", abstract: "Lets the daemon run something by the clock.",
    subcommands: [Add.self, List.self, Remove.self], defaultSubcommand: List.self)

  /// `greenbench schedule add "0 3 * * *" @backends`.
  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Adds a schedule.",
      discussion: """
        Five fields as in crontab(5): minute, hour, day of the month, month, day of the week; the \
        time is the daemon's local one. The scenario is read now; a later change of its file does \
        not change the schedule. Every run draws a seed of its own unless --seed is given.
        """)

    @Argument(help: "When, as in \"0 3 * * *\" for every night at three.")
    var cron: String

    @OptionGroup var options: RunOptions
    @OptionGroup var job: JobOptions

    @Option(help: "What lists call it. Standard: the workload as it is given.")
    var name: String?

    @Flag(help: "Print one JSON document.")
    var json = false

    @OptionGroup var daemon: DaemonOptions

    func validate() throws {
      if job.detach || job.noWait || job.noDaemon {
        throw ValidationError(
          "--detach, --no-wait and --no-daemon are for `greenbench run`; leave them out")
      }
    }

    func run() async throws {
      let request = job.request(
        try options.scenario(), commandLine: CommandLine.arguments.joined(separator: " "))
      let schedule = try await daemon.client.addSchedule(
        ScheduleRequest(
          cron: cron, name: name ?? options.workload, job: request,
          freshSeed: options.seed == nil))
      if json { return print(try JSONDocument.text(schedule)) }
      print("schedule \(schedule.id), next at \(WallTime.text(schedule.nextUnixNanoseconds))")
    }
  }

  /// `greenbench schedule ls`.
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ls", abstract: "Lists the schedules.")

    @Flag(help: "Print one JSON document.")
    var json = false

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
      let schedules = try await daemon.client.schedules()
      if json { return print(try JSONDocument.text(schedules)) }
      var table = TextTable(["SCHEDULE", "WHEN", "NAME", "WORKLOAD", "NEXT", "LAST", "JOB"])
      table.rightAligned = [0, 6]
      for schedule in schedules {
        table.rows.append([
          String(schedule.id), schedule.request.cron, schedule.request.name,
          schedule.request.job.scenario.workload, WallTime.text(schedule.nextUnixNanoseconds),
          WallTime.text(schedule.lastUnixNanoseconds), schedule.lastJob.map(String.init) ?? "-",
        ])
      }
      print(table.text(width: Terminal.width, shrinking: [2], dropping: [3]))
    }
  }

  /// `greenbench schedule rm <id>`.
  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rm", abstract: "Removes a schedule; jobs that came from it stay.")

    @Argument(help: "The schedule's number.")
    var schedule: Int

    @OptionGroup var daemon: DaemonOptions

    func run() async throws {
      try await daemon.client.removeSchedule(schedule)
      print("schedule \(schedule) removed")
    }
  }
}
