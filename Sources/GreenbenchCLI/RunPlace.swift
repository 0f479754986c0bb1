// Where a run is measured: in the daemon, if one can give the same rows, or in this process.

import BenchmarkRunner
import DaemonAPI
import DaemonClient
import Foundation

/// The place of a run.
enum RunPlace {
  case here
  case daemon(DaemonClient, DaemonStatus)

  /// An option needs a daemon, and there is none to use.
  struct NoDaemon: ExitCoded, CustomStringConvertible {
    var description: String
    var exitCode: Int32 { ExitCodes.unreachable.rawValue }
  }

  /// What the place depends on.
  struct Choice {
    var job: JobOptions
    var daemon: DaemonOptions

    /// The store of this process.
    var store: String

    /// The worker that was asked for by name.
    var worker: String?

    /// Chooses, and says on standard error why a daemon that answers is not used.
    ///
    /// - Throws: `NoDaemon`, or what is wrong with a daemon that runs: measuring beside it would
    ///   spoil both.
    func place() async throws -> RunPlace {
      let off = ProcessInfo.processInfo.environment["GREENBENCH_DAEMON"] == "off"
      if job.noDaemon || worker != nil || (off && daemon.url == nil) {
        return try here("this run is not to use one")
      }
      let client = daemon.client
      let status: DaemonStatus
      do {
        status = try await client.status()
      } catch {
        // What was asked for by address is not replaced by something else.
        guard daemon.url == nil else { throw error }
        switch error {
        case .notRunning: return try here("none answers at \(client.place)")
        case .forbidden: return try here("\(error)", noting: true)
        default: throw error
        }
      }
      if daemon.url == nil, let difference = difference(status) {
        return try here(difference, noting: true)
      }
      return .daemon(client, status)
    }

    private func here(_ reason: String, noting: Bool = false) throws(NoDaemon) -> RunPlace {
      if let option = job.needsDaemon {
        throw NoDaemon(
          description: "\(option) needs a daemon, and \(reason); see `greenbench daemon status`")
      }
      if noting { GreenbenchCommand.complain("measuring without the daemon: \(reason)") }
      return .here
    }

    /// Why the daemon's rows would be others; nil when they are the same.
    private func difference(_ status: DaemonStatus) -> String? {
      guard Self.isOneFile(status.store, store) else {
        return "it stores in \(status.store), not in \(store)"
      }
      let commit = Stamp.commit(of: ThisProgram.path)
      guard status.version == VersionCommand.number, status.commit == commit else {
        return "it is version \(status.version) of commit \(status.commit.prefix(12)), and this is"
          + " \(VersionCommand.number) of \(commit.prefix(12)); `greenbench daemon stop` and start"
      }
      return nil
    }

    /// Compares with links resolved; files that are not there yet by their folders.
    private static func isOneFile(_ a: String, _ b: String) -> Bool {
      func resolved(_ path: String) -> String {
        let url = URL(filePath: path)
        let folder = url.deletingLastPathComponent().resolvingSymlinksInPath()
        return folder.appending(path: url.lastPathComponent).resolvingSymlinksInPath().path
      }
      return resolved(a) == resolved(b)
    }
  }
}
