// A copy of a damaged store, set aside as it was found.

import FoundationEssentials
import GRDB

extension StoreError {
  /// Whether SQLite finds the file damaged: not busy, not full, and no fault of the disk.
  public var isDamage: Bool {
    guard case .database(_, let code, _) = self else { return false }
    return code & 0xFF == ResultCode.SQLITE_CORRUPT.rawValue
  }
}

extension ResultStore {
  /// Where a damaged store is set aside; its log of writes lies beside it.
  public var quarantine: String { path + ".damaged" }

  /// Copies the file and its log of writes aside, as they are.
  ///
  /// Once: what is found first has the most in it, so a copy that is there stays.
  ///
  /// - Returns: Whether a copy was made.
  /// - Throws: `full`, or `notWritable`: then there is no copy, and none in part.
  /// - Complexity: O(bytes of the file).
  @discardableResult
  public func copyAside() throws(StoreError) -> Bool {
    let manager = FileManager.default
    if manager.fileExists(atPath: quarantine) { return false }
    // Under its last name only when it is whole.
    let part = quarantine + "-part"
    do {
      try withPagesHeld {
        for (from, to) in [(path, part), (path + "-wal", quarantine + "-wal")]
        where manager.fileExists(atPath: from) {
          if manager.fileExists(atPath: to) { try manager.removeItem(atPath: to) }
          try manager.copyItem(atPath: from, toPath: to)
        }
      }
      try manager.moveItem(atPath: part, toPath: quarantine)
      return true
    } catch {
      for file in [part, quarantine + "-wal"] where manager.fileExists(atPath: file) {
        // It is of no use to anybody, and what went wrong is told already.
        try? manager.removeItem(atPath: file)
      }
      if let error = error as? CocoaError, error.code == .fileWriteOutOfSpace {
        throw .full(path: quarantine)
      }
      throw .notWritable(path: quarantine, reason: "no copy of the damaged store could be made")
    }
  }

  /// Calls `body` while nobody begins the log anew: the file and the log belong together.
  ///
  /// A file that SQLite cannot read at all is copied as well; then nobody writes it, either.
  private func withPagesHeld(_ body: () throws -> Void) throws {
    var configuration = Configuration()
    configuration.readonly = true
    let reader: DatabaseQueue
    do { reader = try DatabaseQueue(path: path, configuration: configuration) } catch {
      return try body()
    }
    try reader.read { db in
      // The first question of a transaction is what holds the pages; its answer is of no interest.
      _ = try? Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema")
      try body()
    }
  }
}
