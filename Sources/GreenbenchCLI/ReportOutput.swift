// How a finished session is shown, and what its process ends with: for `run` and `attach` alike.

import ArgumentParser
import BenchmarkRunner
import Reports

/// The options of commands that end with the report of a session.
struct ReportOutput: ParsableArguments {
  @Flag(help: "Print one JSON document.")
  var json = false

  @Flag(help: "Print nothing but the session's id.")
  var quiet = false

  func validate() throws {
    if json, quiet { throw ValidationError("--json and --quiet exclude each other") }
  }

  func show(_ report: RunReport) throws {
    if quiet {
      print(report.session)
    } else if json {
      print(try RunDocument.json(report))
    } else {
      print(ReportTable.text(report, width: Terminal.width, colour: Terminal.hasColour))
    }
  }

  /// Says what went wrong, if anything did.
  ///
  /// - Parameters:
  ///   - report: The session.
  ///   - exit: What its process is to end with.
  /// - Throws: The exit code, unless it is 0.
  func conclude(_ report: RunReport, exit: Int32) throws {
    guard exit != ExitCodes.ok.rawValue else { return }
    let id = report.session
    switch report.verdict {
    case .interrupted:
      GreenbenchCommand.complain(
        "interrupted; its complete blocks are stored, see `greenbench show \(id)`")
    case .ok, .failed:
      let failed = report.rows.count { $0.status != .ok }
      GreenbenchCommand.complain(
        failed == 0
          ? "nothing was measured; ask for more blocks"
          : "\(failed) of \(report.rows.count) rows failed; see `greenbench show \(id)`")
    }
    throw ExitCode(exit)
  }
}
