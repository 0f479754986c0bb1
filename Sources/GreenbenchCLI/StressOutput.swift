// Where a report of stress classes goes, and the exit code that it ends with.

import ArgumentParser
import Foundation
import Reports
import ResultStore
import StressKit
import StressRunner

/// Where a report of stress classes goes.
struct StressOutput: ParsableArguments {
  @Option(help: ArgumentHelp("Write the report as JSON; - is standard output.", valueName: "file"))
  var json: String?

  @Option(
    help: ArgumentHelp("Write the report as JUnit's XML; - is standard output.", valueName: "file"))
  var junit: String?

  @Option(
    help: ArgumentHelp(
      "Write the numbers beside their goals as Markdown; - is standard output.", valueName: "file"))
  var markdown: String?

  @Flag(help: "Do not keep the report in the result store.")
  var noStore = false

  @OptionGroup var store: StoreOptions

  func validate() throws {
    for file in files { try file.check() }
    if files.count(where: \.isStandardOutput) > 1 {
      throw ValidationError(
        "only one document can go to standard output; name a file for the others")
    }
    let targets = files.filter { !$0.isStandardOutput }.map(\.target.path)
    if Set(targets).count < targets.count {
      throw ValidationError("two documents have one name; the second would replace the first")
    }
    let ofStore = OutputFile(path: store.file).target.path
    // The reserve lies beside a link, the others beside what it points at.
    let reserve = OutputFile(path: store.file + "-reserve").target.path
    let theirs = ["", "-wal", "-shm", "-reserve"].map { ofStore + $0 } + [reserve]
    if let taken = targets.first(where: theirs.contains) {
      throw ValidationError("\(taken) is the result store's; name another file for this output")
    }
    if noStore, store.path != nil {
      throw ValidationError("--store and --no-store exclude each other")
    }
  }

  private var files: [OutputFile] {
    [json, junit, markdown].compactMap { $0 }.map(OutputFile.init)
  }

  /// Opens the store before the first trial: an hour of trials is not made for a store that is none.
  func prepare() throws {
    if !noStore { _ = try ResultStore(path: store.file) }
  }

  /// Writes and stores all that can be, and ends with the exit code: failures of trials come first.
  func conclude(_ report: StressReport) throws {
    var complaints: [any Error] = []
    func attempt(_ body: () throws -> Void) {
      do { try body() } catch { complaints.append(error) }
    }
    attempt { if let json { try OutputFile(path: json).write(JSONDocument.text(report) + "\n") } }
    attempt { if let junit { try OutputFile(path: junit).write(JUnit.text(report)) } }
    attempt {
      let abouts = StressClasses.all.map(\.about)
      if let markdown {
        try OutputFile(path: markdown).write(StressMarkdown.text(report, classes: abouts))
      }
    }
    let table = StressTable.text(report)
    if files.contains(where: \.isStandardOutput) {
      GreenbenchCommand.tell(table)
    } else {
      attempt { try OutputFile(path: "-").write(table + "\n") }
    }
    attempt { if !noStore { try ResultStore(path: store.file).appendStress(report) } }
    if report.failures > 0 {
      for complaint in complaints { GreenbenchCommand.complain("\(complaint)") }
      throw ExitCode(ExitCodes.rowFailed.rawValue)
    }
    for complaint in complaints.dropFirst() { GreenbenchCommand.complain("\(complaint)") }
    if let first = complaints.first { throw first }
    if report.isInterrupted { throw ExitCode(ExitCodes.interrupted.rawValue) }
    if report.classes.allSatisfy({ $0.trials == 0 }) {
      GreenbenchCommand.complain("nothing was tried here; the table says why")
      throw ExitCode(ExitCodes.nothingRan.rawValue)
    }
  }
}
