// `greenbench compare`: two stored rows against each other.

import ArgumentParser
import Comparison
import Reports
import ResultStore

/// Prints how many times slower the second row is than the first, and what that proves.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Compare two stored rows.",
    discussion: """
      A row is 7f3a.2, a session with one row is 7f3a, and backend:asm is the newest measured row \
      of that backend. Two backends are taken from the newest session that has both.

      Rows of one session are compared block by block. Rows of two sessions are each divided by \
      their session's control first, and the interval is wider.
      """)

  @Argument(help: "The row to compare with.")
  var a: String

  @Argument(help: "The row to judge.")
  var b: String

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup var store: StoreOptions

  func validate() throws {
    for name in [a, b] where StoredName(name) == nil { throw StoredName.refusal(name) }
  }

  func run() throws {
    let (rowA, rowB) = try rows(in: store.open())
    guard rowA.row.workload == rowB.row.workload, rowA.row.parameters == rowB.row.parameters else {
      throw ValidationError(
        "\(rowA.name) is \(Self.what(rowA.row)), \(rowB.name) is \(Self.what(rowB.row)); "
          + "name two rows of one workload with the same parameters")
    }
    let comparison = Comparison(of: rowB.side, to: rowA.side)
    if json {
      let answer = Answer(
        a: Answer.Operand(rowA), b: Answer.Operand(rowB), comparison: comparison)
      print(try JSONDocument.text(answer))
    } else {
      print(Self.text(comparison, rowA, rowB))
    }
  }

  private func rows(in store: ResultStore) throws -> (StoredRow, StoredRow) {
    if case .backend(let nameA) = StoredName(a), case .backend(let nameB) = StoredName(b) {
      let record = try store.newestSession(withBackends: [nameA, nameB])
      let first = try StoredRow(record, backend: nameA)
      // Of the second backend's rows, one that can be compared with the first.
      let match = record.report.rows.firstIndex {
        $0.backend == nameB && $0.status == .ok && $0.workload == first.row.workload
          && $0.parameters == first.row.parameters
      }
      guard let match else { return (first, try StoredRow(record, backend: nameB)) }
      return (first, try StoredRow(record, number: match + 1))
    }
    return (try row(a, in: store), try row(b, in: store))
  }

  private func row(_ text: String, in store: ResultStore) throws -> StoredRow {
    switch StoredName(text) {
    case .row(let prefix, let number):
      return try StoredRow(store.session(prefix), number: number)
    case .session(let prefix):
      let record = try store.session(prefix)
      let count = record.report.rows.count
      guard count < 2 else {
        throw ValidationError("session \(text) has \(count) rows; name one, as in \(text).1")
      }
      return try StoredRow(record, number: 1)
    case .backend(let name):
      return try StoredRow(store.newestSession(withBackends: [name]), backend: name)
    case nil:
      throw StoredName.refusal(text)
    }
  }

  private static func what(_ row: Row) -> String {
    let parameters = row.parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return ([row.workload] + parameters).joined(separator: " ")
  }

  private static func text(
    _ comparison: Comparison, _ a: StoredRow, _ b: StoredRow
  ) -> String {
    var table = TextTable(["ROW", "BACKEND", "STACK", "P10", "P50", "grade"])
    table.rightAligned = [3, 4]
    for stored in [a, b] {
      table.rows.append([
        stored.name, stored.row.backend, stored.row.stack, ReportTable.duration(stored.row.p10),
        ReportTable.duration(stored.row.p50), stored.row.grade.rawValue,
      ])
    }
    let how =
      comparison.paired
      ? "\(comparison.blocks) pairs of blocks of one session"
      : "\(comparison.blocks) blocks a side, in units of each session's control"
    let delta = "delta \(ReportTable.number(comparison.delta * 100)) %"
    let verdict = "\(comparison.verdict.rawValue) (\(delta), \(how))"
    let change =
      comparison.ratio.map { "\(b.name) against \(a.name): \(ReportTable.ratio($0))" }
      ?? comparison.reason ?? ""
    return [
      what(a.row), table.text(width: Terminal.width, shrinking: [2], dropping: [2]), change,
      verdict,
    ].joined(separator: "\n")
  }

  /// The JSON document.
  private struct Answer: Encodable {
    var a: Operand
    var b: Operand
    var comparison: Comparison

    struct Operand: Encodable {
      var session: String
      var number: Int
      var row: Row

      init(_ stored: StoredRow) {
        session = stored.record.report.session
        number = stored.index + 1
        row = stored.row
      }
    }
  }
}
