// `greenbench daemon run`: is the daemon, until a signal ends it.

import ArgumentParser

/// `greenbench daemon run`.
struct DaemonRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs the daemon in this process, until SIGTERM or Ctrl-C.",
    discussion: """
      Log lines go to standard error. SIGHUP reads the configuration again, SIGUSR1 writes the \
      state to dump.txt in the runtime folder.
      """)

  @OptionGroup var options: DaemonRunOptions

  func run() async throws { try await DaemonComposition.serve(options) }
}
