// The result store: one SQLite file with every session that was measured.

import FoundationEssentials
import GRDB
public import Reports

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Stored sessions, in one SQLite file.
///
/// Writes are serialised, so one store serves any number of tasks. Other processes may read the
/// file at any time (WAL), and wait up to 5 s to write.
///
/// GRDB stays inside this module: no public signature names it.
public struct ResultStore: Sendable {
  /// The file.
  public let path: String
  let queue: DatabaseQueue

  /// How long a writer waits for another process.
  static let busySeconds = 5

  /// Opens a file.
  ///
  /// For writing, the file and its folder are made if they are not there (for the user alone), and
  /// the schema is brought up to date. A file that is not ours, or newer, is left as it is.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - readOnly: Whether nothing may be made or changed.
  /// - Throws: Why the file cannot be used.
  public init(path: String, readOnly: Bool = false) throws(StoreError) {
    self.path = path
    if readOnly {
      if unsafe access(path, F_OK) != 0 {
        // Somebody who may not look into the folder does not know whether there is a store.
        guard [ENOENT, ENOTDIR].contains(errno) else {
          throw .notReadable(path: path, reason: Self.reason(errno))
        }
        throw .noStore(path: path)
      }
    } else {
      try Self.makeFile(path)
    }
    queue = try Self.withReserve(of: readOnly ? nil : path) { () throws(StoreError) in
      do {
        return try Self.connect(path, readOnly: readOnly)
      } catch {
        throw StoreError(error, path: path)
      }
    }
  }

  /// Where the store is unless somebody names another file.
  ///
  /// - Parameter environment: The process's environment.
  /// - Returns: `$GREENBENCH_DB`, or a file below `$XDG_STATE_HOME`, or one below `~/.local/state`.
  public static func standardPath(environment: [String: String]) -> String {
    if let path = environment["GREENBENCH_DB"], !path.isEmpty { return path }
    let file = "greenbench/results.sqlite"
    // The XDG specification: a relative path is to be ignored.
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return "\(state)/\(file)" }
    return
      "\(environment["HOME"] ?? FileManager.default.homeDirectoryForCurrentUser.path)/.local/state/\(file)"
  }

  /// The newest sessions, without their batches.
  ///
  /// - Parameter limit: The most sessions to return.
  /// - Returns: Up to `limit` sessions, newest first.
  /// - Throws: What SQLite reports.
  /// - Complexity: O(`limit`), by the index `session_by_start`.
  public func sessions(limit: Int) throws(StoreError) -> [SessionSummary] {
    try read { db in try SessionReader(db: db, path: path).summaries(limit: limit) }
  }

  /// A session with all of its batches.
  ///
  /// - Parameter prefix: The session's UUID, or a beginning of it that no other session has.
  /// - Returns: What was appended.
  /// - Throws: `noSuchSession`, `ambiguous`, `damagedBlob`, or what SQLite reports.
  public func session(_ prefix: String) throws(StoreError) -> SessionRecord {
    try read { db in
      let reader = SessionReader(db: db, path: path)
      return try reader.record(uuid: reader.uuid(prefix: prefix), withBatches: true)
    }
  }

  /// A session's figures without its batches: there for a damaged one, too.
  ///
  /// - Parameter prefix: The session's UUID, or a beginning of it that no other session has.
  /// - Returns: The report that was appended.
  /// - Throws: `noSuchSession`, `ambiguous`, or what SQLite reports.
  public func report(_ prefix: String) throws(StoreError) -> RunReport {
    try read { db in
      let reader = SessionReader(db: db, path: path)
      return try reader.record(uuid: reader.uuid(prefix: prefix), withBatches: false).report
    }
  }

  /// The newest session in which each of some backends has a measured row.
  ///
  /// - Parameter backends: Names of backends.
  /// - Returns: What was appended.
  /// - Throws: `noSuchSession`, `damagedBlob`, or what SQLite reports.
  public func newestSession(withBackends backends: [String]) throws(StoreError) -> SessionRecord {
    try read { db in
      let reader = SessionReader(db: db, path: path)
      return try reader.record(uuid: reader.newest(withBackends: backends), withBatches: true)
    }
  }

  /// Answers a question in SQL, on a connection that cannot write.
  ///
  /// - Parameter sql: One statement that has a result.
  /// - Returns: The names of the columns, and all rows as text. NULL is empty, a blob is its size.
  /// - Throws: `sql` when the statement is wrong or would write.
  public func query(
    _ sql: String
  ) throws(StoreError) -> (columns: [String], rows: [[String]]) {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(Double(Self.busySeconds))
    do {
      let reader = try DatabaseQueue(path: path, configuration: configuration)
      return try reader.inDatabase { db in try Self.answer(sql, db) }
    } catch let error as DatabaseError {
      switch error.resultCode {
      case .SQLITE_ERROR, .SQLITE_MISUSE, .SQLITE_RANGE, .SQLITE_AUTH, .SQLITE_READONLY,
        .SQLITE_MISMATCH, .SQLITE_TOOBIG:
        throw .sql(message: error.message ?? "wrong SQL")
      default:
        throw StoreError(error, path: path)
      }
    } catch {
      throw StoreError(error, path: path)
    }
  }

  /// Adds a session: all of it, or nothing.
  ///
  /// - Parameter record: What was measured.
  /// - Throws: What SQLite reports; then nothing is stored.
  public func append(_ record: SessionRecord) throws(StoreError) {
    try write { db in try SessionWriter(db: db).append(record) }
  }

  /// One transaction that reads.
  func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
    do {
      return try queue.read(body)
    } catch {
      throw StoreError(error, path: path)
    }
  }

  /// One transaction: what the closure writes is stored when it returns, and not when it throws.
  ///
  /// It is run again when the file system was full and there is a reserve to give up.
  func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
    try Self.withReserve(of: path) { () throws(StoreError) in
      do {
        return try queue.write(body)
      } catch {
        throw StoreError(error, path: path)
      }
    }
  }

  /// For what SQLite does outside of transactions only.
  func withoutTransaction<Value>(
    _ body: (Database) throws -> Value
  ) throws(StoreError) -> Value {
    do {
      return try queue.inDatabase(body)
    } catch {
      throw StoreError(error, path: path)
    }
  }
}

extension ResultStore {
  private static func makeFile(_ path: String) throws(StoreError) {
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    for count in folder.indices.dropFirst() + [folder.endIndex] {
      let parent = folder[..<count].joined(separator: "/")
      guard !parent.isEmpty, unsafe mkdir(parent, 0o700) != 0, errno != EEXIST else { continue }
      // Some systems name another error than EEXIST for a folder that is there.
      let code = errno
      guard unsafe access(parent, F_OK) == 0 else {
        throw .notWritable(path: parent, reason: reason(code))
      }
    }
    // SQLite gives its -wal and -shm files the same mode.
    let file = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if file >= 0 {
      close(file)
    } else if errno != EEXIST {
      throw .notWritable(path: path, reason: reason(errno))
    } else if unsafe access(path, W_OK) != 0 {
      throw .notWritable(path: path, reason: reason(errno))
    }
  }

  // While one process puts a new file into WAL mode, SQLite tells another one that the file is busy
  // without waiting; so the waiting is done here.
  private static func connect(_ path: String, readOnly: Bool) throws -> DatabaseQueue {
    let deadline = ContinuousClock.now + .seconds(busySeconds)
    while true {
      do {
        return try connectOnce(path, readOnly: readOnly)
      } catch let error as DatabaseError
        where error.resultCode == .SQLITE_BUSY && ContinuousClock.now < deadline
      {
        usleep(20_000)
      }
    }
  }

  private static func connectOnce(_ path: String, readOnly: Bool) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.readonly = readOnly
    configuration.busyMode = .timeout(Double(busySeconds))
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.read { db in try check(db, path: path, readOnly: readOnly) }
    if !readOnly {
      try queue.inDatabase(applySettings)
      try migrate(queue)
    }
    return queue
  }

  private static func reason(_ code: Int32) -> String {
    switch code {
    case EACCES, EPERM: "permission denied"
    case EROFS: "the file system is read-only"
    case ENOTDIR: "a part of the path is not a folder"
    case ENOSPC: "the file system is full"
    default: "error \(code)"
    }
  }

  // Changes nothing: a file that is not ours stays as it is. Within one transaction, because another
  // process may be making the tables.
  private static func check(_ db: Database, path: String, readOnly: Bool) throws {
    let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    let application = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    // Until its first step is done, a store is marked as ours and has version 0.
    guard tables == 0 || application == Schema.applicationID else {
      throw StoreError.notADatabase(path: path)
    }
    if readOnly, version == 0 { throw StoreError.noStore(path: path) }
    guard version <= Schema.version else {
      throw StoreError.schemaTooNew(path: path, found: version, supported: Schema.version)
    }
  }

  private static func applySettings(_ db: Database) throws {
    // Before any table: who opens the file meanwhile must not take it for a foreign one.
    if try Int.fetchOne(db, sql: "PRAGMA application_id") != Schema.applicationID {
      try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
    }
    if try String.fetchOne(db, sql: "PRAGMA journal_mode") != "wal" {
      try db.execute(sql: "PRAGMA journal_mode = WAL")
    }
    try db.execute(sql: "PRAGMA synchronous = NORMAL")
    try db.execute(sql: "PRAGMA journal_size_limit = \(logBytesMax)")
  }

  // GRDB lists the steps to run outside the transactions that run them. When two processes open a
  // new file at once, a step can fail because the other process did it meanwhile; then the version
  // has grown, and what is left is tried again.
  private static func migrate(_ queue: DatabaseQueue) throws {
    let version = { try queue.read { db in try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0 } }
    let before = try version()
    do {
      try Schema.migrator.migrate(queue)
    } catch {
      guard try version() > before else { throw error }
      try migrate(queue)
    }
  }

  private static func answer(
    _ sql: String, _ db: Database
  ) throws -> (columns: [String], rows: [[String]]) {
    let statement = try db.makeStatement(sql: sql)
    guard statement.isReadonly, statement.columnCount > 0 else {
      throw StoreError.sql(message: "the statement would write, or has no result")
    }
    let rows = try GRDB.Row.fetchAll(statement).map { row -> [String] in
      row.databaseValues.map { value -> String in
        switch value.storage {
        case .null: ""
        case .int64(let number): String(number)
        case .double(let number): String(number)
        case .string(let text): text
        case .blob(let bytes): "<\(bytes.count) bytes>"
        }
      }
    }
    return (statement.columnNames, rows)
  }
}
