// The options of every command that asks a daemon.

import ArgumentParser
import DaemonAPI
import DaemonClient
import Foundation

/// Where the daemon is.
struct DaemonOptions: ParsableArguments {
  @Option(
    name: .customLong("daemon"),
    help: ArgumentHelp(
      "A daemon on loopback, as in http://127.0.0.1:8370. Standard: the socket of this user.",
      valueName: "url"))
  var url: String?

  @Option(
    help: ArgumentHelp(
      "The file with the daemon's token, for --daemon. Standard: token in the runtime folder.",
      valueName: "file"))
  var tokenFile: String?

  func validate() throws {
    if url != nil, address == nil {
      throw ValidationError(
        "--daemon \(url ?? "") is no address on loopback; write http://127.0.0.1:PORT")
    }
    if url == nil, tokenFile != nil {
      throw ValidationError("--token-file is for --daemon; the socket needs no token")
    }
  }

  private var address: DaemonAddress? {
    guard let url else { return .socket(path: Self.paths.socket) }
    return .url(url, tokenFile: tokenFile ?? Self.paths.token)
  }

  var client: DaemonClient { DaemonClient(address ?? .socket(path: Self.paths.socket)) }

  /// The runtime folder of this user.
  static var paths: RuntimePaths {
    RuntimePaths(environment: ProcessInfo.processInfo.environment)
  }
}
