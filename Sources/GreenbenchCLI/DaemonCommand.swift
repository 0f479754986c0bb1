// `greenbench daemon`: the long-lived service, from its start to its end.

import ArgumentParser

/// The group of commands on the daemon itself; jobs have `queue`, `attach` and `schedule`.
struct DaemonCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "daemon", abstract: "Runs, asks and stops the daemon that measures jobs.",
    subcommands: [
      DaemonRunCommand.self, DaemonStartCommand.self, DaemonStopCommand.self,
      DaemonStatusCommand.self, DaemonLogsCommand.self, DaemonEventsCommand.self,
      DaemonPauseCommand.self, DaemonResumeCommand.self, DaemonDoctorCommand.self,
    ])
}
