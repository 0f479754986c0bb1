// All there is to ask of a store, for one that may be damaged anywhere.

import Foundation
import ResultStore
import StressKit

/// Asks a store, and counts what it refuses.
final class Questions {
  private(set) var refused = 0

  /// Whether the file was taken for another program's, or for a newer one.
  private(set) var isForeign = false

  /// Asks everything, first of a store that is only read, and then writes.
  ///
  /// - Throws: `Finding` when an error is not the store's own, calls damage busy, or has no mend.
  func askAll(_ path: String, _ script: StoreScript) throws {
    for readOnly in [true, false] {
      var store: ResultStore?
      try ask { store = try ResultStore(path: path, readOnly: readOnly) }
      guard let store else { continue }
      try ask { try store.quickCheck() }
      var sessions: [SessionSummary] = []
      try ask { sessions = try store.sessions(limit: 100) }
      for summary in sessions { try ask { _ = try store.session(summary.session) } }
      try ask { _ = try store.events(after: 0, limit: 100) }
      try ask { _ = try store.openJobs() }
      guard !readOnly else { continue }
      try ask { try store.append(script.content.record(7, rows: 2, batches: 20)) }
      try ask { try store.checkpoint() }
    }
  }

  private func ask(_ question: () throws -> Void) throws {
    do {
      try question()
    } catch let error as StoreError {
      refused += 1
      switch error {
      case .notADatabase, .schemaTooNew: isForeign = true
      case .busy: throw Finding("damaged, and called busy")
      default: break
      }
      guard "\(error)".contains("; ") else { throw Finding("an error without a mend: \(error)") }
    }
  }
}
