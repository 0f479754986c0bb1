// What a program that runs for weeks does for its file: shorten the log of writes, look for damage.

import FoundationEssentials
import GRDB

extension ResultStore {
  /// Moves all writes from the write-ahead log into the file, and empties the log.
  ///
  /// Waits for nobody: a reader in another process only makes it incomplete.
  ///
  /// - Returns: Whether the log is empty now.
  /// - Throws: What SQLite reports.
  @discardableResult
  public func checkpoint() throws(StoreError) -> Bool {
    try withoutTransaction { db in
      try db.execute(sql: "PRAGMA busy_timeout = 0")
      let complete = Result { try Self.checkpoint(db) }
      try db.execute(sql: "PRAGMA busy_timeout = \(Self.busySeconds * 1000)")
      return try complete.get()
    }
  }

  /// Bounds what SQLite keeps of the file in this process: its standard is 2 MB, which a store that
  /// grows fills after hours.
  ///
  /// What is not kept is read from the kernel's cache. A transaction that is larger goes to the log
  /// of writes before its end.
  ///
  /// - Parameter kibibytes: At most.
  /// - Throws: What SQLite reports.
  public func limitCache(kibibytes: Int) throws(StoreError) {
    try withoutTransaction { db in try db.execute(sql: "PRAGMA cache_size = \(-kibibytes)") }
  }

  private static func checkpoint(_ db: Database) throws -> Bool {
    do {
      return try Bool.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)") == false
    } catch let error as DatabaseError
      where [.SQLITE_BUSY, .SQLITE_LOCKED].contains(error.resultCode)
    {
      return false
    }
  }

  /// How far the log of writes may grow and stay so; a reader that stays can make it grow further.
  public static let logBytesMax = 64 << 20

  /// How large the log of writes is now; 0 when there is none.
  public var logBytes: Int {
    // Without the file there is no log: that is the answer.
    let facts = try? FileManager.default.attributesOfItem(atPath: path + "-wal")
    return facts?[.size] as? Int ?? 0
  }

  /// Looks for damage in the file: seconds for some hundred megabytes, on a connection of its own.
  ///
  /// - Throws: `database` with SQLite's code for a corrupt file when there is damage, or what SQLite
  ///   reports.
  public func quickCheck() throws(StoreError) {
    do {
      var configuration = Configuration()
      configuration.readonly = true
      configuration.busyMode = .timeout(Double(Self.busySeconds))
      let reader = try DatabaseQueue(path: path, configuration: configuration)
      let found = try reader.inDatabase { db in
        try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
      }
      guard found == "ok" else {
        // SQLite's words have lines; a sentence has one.
        let words = (found ?? "no answer").split(whereSeparator: \.isWhitespace)
        throw StoreError.database(
          path: path, code: ResultCode.SQLITE_CORRUPT.rawValue,
          message: words.joined(separator: " "))
      }
    } catch {
      throw StoreError(error, path: path)
    }
  }
}
