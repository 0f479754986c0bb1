// The options of a daemon, as `daemon run` takes them and `daemon start` hands them on.

import ArgumentParser
import Foundation

/// How a daemon runs.
struct DaemonRunOptions: ParsableArguments {
  enum LogLevel: String, CaseIterable, ExpressibleByArgument {
    case trace, debug, info, notice, warning, error, critical
  }

  @Option(
    name: .customLong("config"),
    help: ArgumentHelp("A configuration file; SIGHUP reads it again.", valueName: "file"))
  var configuration: String?

  @OptionGroup var store: StoreOptions

  @Option(
    help: ArgumentHelp(
      "Listen on this port of loopback, too; clients need the token then.", valueName: "port"))
  var tcpPort: UInt16?

  @Option(
    help: ArgumentHelp(
      "trace, debug, info, notice, warning, error or critical.", valueName: "level")
  )
  var logLevel: LogLevel?

  @OptionGroup var worker: WorkerOptions

  /// The same options again, with paths that do not depend on the working folder.
  var arguments: [String] {
    var arguments = ["--store", Self.absolute(store.file)]
    if let logLevel { arguments += ["--log-level", logLevel.rawValue] }
    if let configuration { arguments += ["--config", Self.absolute(configuration)] }
    if let tcpPort { arguments += ["--tcp-port", String(tcpPort)] }
    if let executable = worker.executable { arguments += ["--worker", Self.absolute(executable)] }
    return arguments
  }

  private static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }
}
