// `greenbench show`: one stored session, or one row of it.

import ArgumentParser
import BenchmarkRunner
import Reports
import ResultStore

/// Prints the figures that were stored; they need no batches, so damage to those does not matter.
struct ShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show a stored session, or one row of it.")

  @Argument(help: "A session, as in 7f3a, or a row of it, as in 7f3a.2.")
  var id: String

  @Flag(help: "Print the JSON document that `run --json` printed.")
  var json = false

  @OptionGroup var store: StoreOptions

  func validate() throws {
    switch StoredName(id) {
    case .session, .row: break
    case .backend, nil: throw StoredName.refusal(id)
    }
  }

  func run() throws {
    let report = try report(in: store.open())
    print(
      json
        ? try RunDocument.json(report)
        : ReportTable.text(report, width: Terminal.width, colour: Terminal.hasColour))
  }

  private func report(in store: ResultStore) throws -> RunReport {
    switch StoredName(id) {
    case .session(let prefix):
      return try store.report(prefix)
    case .row(let prefix, let number):
      var report = try store.report(prefix)
      guard report.rows.indices.contains(number - 1) else {
        let known = report.rows.isEmpty ? [] : ["\(prefix).1 to \(prefix).\(report.rows.count)"]
        throw StoreError.noSuchSession(name: id, similar: known)
      }
      report.rows = [report.rows[number - 1]]
      return report
    case .backend, nil:
      throw StoredName.refusal(id)
    }
  }
}
