// Tests of what the store refuses, and of what it says then.

import FoundationEssentials
import GRDB
import Reports
import Testing

@testable import ResultStore

@Suite struct StoreErrorTests {
  private func bytes(_ path: String) throws -> Data {
    try Data(contentsOf: URL(filePath: path))
  }

  @Test("a newer schema is refused, and the file stays as it is", arguments: [false, true])
  func newer(readOnly: Bool) throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      do {
        let store = try ResultStore(path: path)
        try store.append(Samples.session())
      }
      try DatabaseQueue(path: path).inDatabase { db in
        try db.execute(
          sql: "PRAGMA user_version = \(Schema.version + 1); PRAGMA wal_checkpoint(TRUNCATE)")
      }
      let before = try bytes(path)
      #expect(
        throws: StoreError.schemaTooNew(
          path: path, found: Schema.version + 1, supported: Schema.version)
      ) { try ResultStore(path: path, readOnly: readOnly) }
      #expect(try bytes(path) == before)
    }
  }

  @Test("a newer schema outside WAL mode is not put into it")
  func newerRollbackJournal() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      try DatabaseQueue(path: path).write { db in
        try db.execute(
          sql: """
            CREATE TABLE x (y); PRAGMA user_version = 7;
            PRAGMA application_id = \(Schema.applicationID)
            """)
      }
      let before = try bytes(path)
      #expect(throws: StoreError.schemaTooNew(path: path, found: 7, supported: Schema.version)) {
        try ResultStore(path: path)
      }
      #expect(try bytes(path) == before)
    }
  }

  @Test("a text file is not a database", arguments: [false, true])
  func text(readOnly: Bool) throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      let text = Data(String(repeating: "This is no database. ", count: 100).utf8)
      try text.write(to: URL(filePath: path))
      #expect(throws: StoreError.notADatabase(path: path)) {
        try ResultStore(path: path, readOnly: readOnly)
      }
      #expect(try bytes(path) == text)
    }
  }

  @Test("a database of another program is not ours to change", arguments: [false, true])
  func foreign(readOnly: Bool) throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      try DatabaseQueue(path: path).write { db in try db.execute(sql: "CREATE TABLE x (y)") }
      let before = try bytes(path)
      #expect(throws: StoreError.notADatabase(path: path)) {
        try ResultStore(path: path, readOnly: readOnly)
      }
      #expect(try bytes(path) == before)
    }
  }

  @Test("reading makes no file, and an empty one has no results")
  func nothing() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      #expect(throws: StoreError.noStore(path: path)) {
        try ResultStore(path: path, readOnly: true)
      }
      #expect(!FileManager.default.fileExists(atPath: path))
      try Data().write(to: URL(filePath: path))
      #expect(throws: StoreError.noStore(path: path)) {
        try ResultStore(path: path, readOnly: true)
      }
    }
  }

  @Test("a path through a file, or to a folder, cannot be written")
  func notWritable() throws {
    try withTemporaryFolder { folder in
      try Data().write(to: URL(filePath: "\(folder)/file"))
      #expect(
        throws: StoreError.notWritable(
          path: "\(folder)/file/sub", reason: "a part of the path is not a folder")
      ) { try ResultStore(path: "\(folder)/file/sub/r.sqlite") }
      let error = #expect(throws: StoreError.self) { try ResultStore(path: folder) }
      #expect(error?.exitCode == 6)
    }
  }

  @Test("a store that is only read cannot be appended to")
  func readOnly() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      _ = try ResultStore(path: path)
      let store = try ResultStore(path: path, readOnly: true)
      let error = #expect(throws: StoreError.self) { try store.append(Samples.session()) }
      #expect(error?.exitCode == 6)
    }
  }

  @Test("every flipped byte of a blob is found, and the figures are still there")
  func damaged() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      var record = Samples.session(backends: ["asm", "ucontext"])
      record.measurements[1] = Samples.measurement(blocks: 1, batches: 6)
      let store = try ResultStore(path: path)
      try store.append(record)
      try store.append(Samples.session(2))
      let uuid = record.report.session
      let writer = try DatabaseQueue(path: path)
      let select = """
        SELECT blob FROM batches
        WHERE run_id = (SELECT id FROM run WHERE session_id = 1 AND ordinal = 2)
        """
      let blob = try #require(try writer.read { db in try Data.fetchOne(db, sql: select) })
      let update = select.replacing("SELECT blob FROM batches", with: "UPDATE batches SET blob = ?")
      #expect(blob.count > 60)
      for index in blob.indices {
        var damaged = blob
        damaged[index] ^= UInt8(1) << UInt8(index % 8)
        try writer.write { db in try db.execute(sql: update, arguments: [damaged]) }
        #expect(throws: StoreError.damagedBlob(path: path, session: uuid, run: 2)) {
          try store.session(uuid)
        }
      }
      #expect(try store.report(uuid) == record.report)
      #expect(try store.sessions(limit: 10).count == 2)
      #expect(try store.session(Samples.uuid(2)) == Samples.session(2))
      try writer.write { db in try db.execute(sql: update, arguments: [blob]) }
      #expect(try store.session(uuid) == record)
      try writer.write { db in try db.execute(sql: "UPDATE batches SET codec = 'batches-9'") }
      #expect(throws: StoreError.self) { try store.session(uuid) }
      try writer.write { db in try db.execute(sql: "DELETE FROM batches") }
      #expect(throws: StoreError.self) { try store.session(uuid) }
    }
  }

  @Test("a value that no program wrote is damage, not a crash")
  func unknownValue() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(Samples.session())
      try DatabaseQueue(path: "\(folder)/r.sqlite").write { db in
        try db.execute(sql: "UPDATE run SET status = 'perfect' WHERE ordinal = 1")
      }
      let error = #expect(throws: StoreError.self) { try store.session("0") }
      #expect(error?.exitCode == 8)
    }
  }

  @Test(
    "what is not a question in SQL is refused, and changes nothing",
    arguments: [
      "DELETE FROM run", "DROP TABLE run", "SELEC 1", "SELECT nothing FROM run", "", ";",
      "SELECT 1; DELETE FROM run", "BEGIN", "VACUUM", "PRAGMA user_version = 9",
      "INSERT INTO event VALUES (1, '', '', '') RETURNING seq", "ATTACH 'other.sqlite' AS o",
      "VACUUM INTO 'copy.sqlite'",
    ])
  func wrongSQL(sql: String) throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(Samples.session())
      let error = #expect(throws: StoreError.self) {
        _ = try store.query(sql.replacing("INTO 'copy", with: "INTO '\(folder)/copy"))
      }
      #expect(error?.exitCode == 64, "\(error.map(String.init(describing:)) ?? "no error")")
      #expect(try store.session("0") == Samples.session())
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/copy.sqlite"))
    }
  }

  @Test("a locked store is busy, by SQLite's own code")
  func busy() {
    let error = StoreError(DatabaseError(resultCode: .SQLITE_BUSY), path: "p")
    #expect(error == .busy(path: "p"))
    let corrupt = StoreError(DatabaseError(resultCode: .SQLITE_CORRUPT), path: "p")
    #expect(corrupt.exitCode == 8)
    #expect(StoreError(DatabaseError(resultCode: .SQLITE_FULL), path: "p").exitCode == 1)
  }

  @Test(
    "every error is one line with a fact and a mend, and has its exit code",
    arguments: [
      (StoreError.schemaTooNew(path: "p", found: 2, supported: 1), 8),
      (.notWritable(path: "p", reason: "permission denied"), 6), (.notADatabase(path: "p"), 8),
      (.noStore(path: "p"), 5), (.busy(path: "p"), 75),
      (.noSuchSession(name: "x", similar: []), 5), (.noSuchSession(name: "x", similar: ["y"]), 5),
      (.ambiguous(name: "x", matches: ["x1", "x2"]), 5),
      (.noSuchJob(1), 5), (.noSuchSchedule(1), 5), (.keyTaken(client: "c", key: "k", job: 1), 64),
      (.queueFull(limit: 1), 75), (.full(path: "p"), 1),
      (.damagedBlob(path: "p", session: "s", run: 1), 8), (.sql(message: "no such table"), 64),
      (.database(path: "p", code: 13, message: "full"), 1),
      (.notReadable(path: "p", reason: "permission denied"), 6),
      (.database(path: "p", code: 778, message: "disk I/O error"), 1),
      (.database(path: "p", code: 267, message: "malformed"), 8),
    ] as [(StoreError, Int32)])
  func sentences(error: StoreError, code: Int32) {
    #expect(error.exitCode == code)
    #expect(!error.description.contains("\n"))
    #expect(error.description.contains("; "))
  }
}
