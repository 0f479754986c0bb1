// The options of every command on stored results, and how a row in the store is named.

import ArgumentParser
import Comparison
import FoundationEssentials
import Reports
import ResultStore

/// Where the store is.
struct StoreOptions: ParsableArguments {
  @Option(
    name: .customLong("store"),
    help: ArgumentHelp(
      "The result store. Standard: $GREENBENCH_DB, or a file in the user's state folder.",
      valueName: "file"))
  var path: String?

  /// The file to use.
  var file: String {
    path ?? ResultStore.standardPath(environment: ProcessInfo.processInfo.environment)
  }

  /// Opens the store for reading.
  func open() throws(StoreError) -> ResultStore { try ResultStore(path: file, readOnly: true) }
}

/// The name of something stored, as people write it.
enum StoredName: Hashable {
  /// A session, by the beginning of its UUID.
  case session(prefix: String)

  /// One row of it, counted from 1.
  case row(prefix: String, number: Int)

  /// The newest measured row of a backend.
  case backend(String)

  /// Reads `7f3a`, `7f3a.2` or `backend:asm`; nil when it is none of them.
  init?(_ text: String) {
    if text.hasPrefix("backend:") {
      let name = String(text.dropFirst("backend:".count))
      guard !name.isEmpty else { return nil }
      self = .backend(name)
      return
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard let prefix = parts.first, !prefix.isEmpty else { return nil }
    switch parts.count {
    case 1:
      self = .session(prefix: prefix.lowercased())
    case 2:
      guard let number = Int(parts[1]), number > 0 else { return nil }
      self = .row(prefix: prefix.lowercased(), number: number)
    default:
      return nil
    }
  }

  /// What to say about a text that is no name.
  static func refusal(_ text: String) -> ValidationError {
    ValidationError(
      "\"\(text)\" names nothing; write a session (7f3a), a row of it (7f3a.2) or backend:NAME")
  }
}

/// One stored row with the session around it.
struct StoredRow {
  let record: SessionRecord
  let index: Int

  var row: Row { record.report.rows[index] }

  /// As in `7f3a0c12.2`.
  var name: String { "\(record.report.session.prefix(8)).\(index + 1)" }

  /// What a comparison takes.
  var side: Comparison.Side {
    Comparison.Side(
      session: record.report.session, backend: row.backend,
      measurement: record.measurements[index], control: record.control)
  }

  /// The row of this number, counted from 1.
  ///
  /// - Throws: `noSuchSession` with the names that there are.
  init(_ record: SessionRecord, number: Int) throws(StoreError) {
    let rows = record.report.rows
    let session = record.report.session.prefix(8)
    guard rows.indices.contains(number - 1) else {
      throw .noSuchSession(
        name: "\(session).\(number)",
        similar: rows.isEmpty ? [] : ["\(session).1 to \(session).\(rows.count)"])
    }
    self.record = record
    index = number - 1
  }

  /// The first row of a backend that was measured to its end.
  ///
  /// - Throws: `noSuchSession` when the session has none.
  init(_ record: SessionRecord, backend: String) throws(StoreError) {
    let found = record.report.rows.firstIndex { $0.backend == backend && $0.status == .ok }
    guard let found else { throw .noSuchSession(name: "backend:\(backend)", similar: []) }
    self.record = record
    index = found
  }
}
