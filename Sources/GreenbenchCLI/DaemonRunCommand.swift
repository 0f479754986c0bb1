// `greenbench daemon run`: is the daemon, until a signal ends it.

import ArgumentParser
import BenchmarkRunner
import DaemonAPI
import DaemonJobs
import Foundation
import Logging

/// `greenbench daemon run`.
struct DaemonRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs the daemon in this process, until SIGTERM or Ctrl-C.",
    discussion: """
      Log lines go to standard error. SIGHUP reads the configuration again, SIGUSR1 writes the \
      state to dump.txt in the runtime folder.
      """)

  @OptionGroup var options: DaemonRunOptions

  func run() async throws {
    let environment = ProcessInfo.processInfo.environment
    let (port, level) = (options.tcpPort, options.logLevel?.level)
    if let file = options.configuration, !FileManager.default.fileExists(atPath: file) {
      throw RunnerError.noSuchFile(file)
    }
    let house = DaemonHouse(
      paths: RuntimePaths(environment: environment), storePath: options.store.file,
      configurationPath: options.configuration
        ?? DaemonConfigurationFile.standardPath(environment: environment),
      worker: options.worker.path, source: Stamp.source(of: options.worker.path),
      change: { configuration in
        if let port { configuration.tcpPort = Int(port) }
        if let level { configuration.logLevel = level }
      })
    try await house.run()
  }
}

extension DaemonRunOptions.LogLevel {
  /// The logger's word for it, which is the same word.
  var level: Logger.Level? { Logger.Level(rawValue: rawValue) }
}
