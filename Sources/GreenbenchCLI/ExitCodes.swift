// What every exit code means, and the errors that know theirs.

import ArgumentParser
import BenchmarkRunner
import DaemonClient
import DaemonServer
import ResultStore

/// An error that knows the code its process ends with.
///
/// Its description is one line: fact; mend.
protocol ExitCoded: Error {
  var exitCode: Int32 { get }
}

extension RunnerError: ExitCoded {}
extension StoreError: ExitCoded {}
extension DaemonClientError: ExitCoded {}
extension ServerError: ExitCoded {}

/// The exit codes.
enum ExitCodes: Int32, CaseIterable {
  case ok = 0
  case internalError = 1
  case rowFailed = 3
  case notFound = 5
  case permission = 6
  case bad = 7
  case schema = 8
  case nothingRan = 9
  case usage = 64
  case unreachable = 70
  case busy = 75
  case interrupted = 130

  var meaning: String {
    switch self {
    case .ok: "everything asked for was done"
    case .internalError: "something failed that no other code names"
    case .rowFailed:
      "a workload failed, crashed, hung, or its checksum is wrong; or a stress trial failed"
    case .notFound: "there is no such session, job, schedule, store or file"
    case .permission: "a file or socket may not be used, or is not to be trusted"
    case .bad: "`daemon doctor` found something bad"
    case .schema: "the store or the worker is of another version"
    case .nothingRan: "nothing was measured"
    case .usage: "the command line or a scenario file is wrong"
    case .unreachable: "no daemon answers"
    case .busy: "the store, the queue or the daemon is busy; try again"
    case .interrupted: "Ctrl-C came; complete blocks are stored"
    }
  }

  /// The table for people.
  static var table: String {
    allCases.map { code in
      let number = String(code.rawValue)
      return String(repeating: " ", count: 4 - number.count) + number + "  " + code.meaning
    }.joined(separator: "\n")
  }
}

/// `greenbench exit-codes`.
struct ExitCodesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exit-codes", abstract: "Tells what the exit codes mean.")

  func run() { print(ExitCodes.table) }
}
