// The table of jobs: its statements, and a row as a job.

import DaemonAPI
import GRDB

/// Reads and writes jobs within the caller's transaction.
struct JobTable {
  let db: Database
  let path: String

  private static let columns = """
    id, state, reason, client, request_json, submitted_ns, started_ns, ended_ns, interruptions,
    session, exit, schedule
    """

  /// The states of ``Job/State`` that are not final.
  static let open = "('queued', 'paused', 'running')"

  // Every one of them by an index: none may read all jobs that there ever were.
  static let byID = "SELECT \(columns) FROM job WHERE id = ?"
  static let byKey = "SELECT \(columns) FROM job WHERE client = ? AND key = ?"
  static let opened = "SELECT \(columns) FROM job WHERE state IN \(open) ORDER BY id"
  static let openCount = "SELECT count(*) FROM job WHERE state IN \(open)"
  static let newest = "SELECT id FROM job WHERE id < ? ORDER BY id DESC LIMIT ?"
  static let newestOfState = """
    SELECT id FROM job WHERE state = ? AND id < ? ORDER BY id DESC LIMIT ?
    """
  static let newestOfClient = """
    SELECT id FROM job WHERE client = ? AND id < ? ORDER BY id DESC LIMIT ?
    """
  static let newestOfBoth = """
    SELECT id FROM job WHERE client = ? AND state = ? AND id < ? ORDER BY id DESC LIMIT ?
    """

  func job(_ id: Int) throws -> Job? {
    try GRDB.Row.fetchOne(db.cachedStatement(sql: Self.byID), arguments: [id]).map(job)
  }

  func job(client: String, key: String) throws -> Job? {
    try GRDB.Row.fetchOne(db.cachedStatement(sql: Self.byKey), arguments: [client, key]).map(job)
  }

  func openJobs() throws -> [Job] {
    try GRDB.Row.fetchAll(db.cachedStatement(sql: Self.opened)).map(job)
  }

  func countOpen() throws -> Int {
    try Int.fetchOne(db.cachedStatement(sql: Self.openCount)) ?? 0
  }

  /// Up to `limit` ids below `before`, the greatest first.
  func ids(_ filter: JobFilter, limit: Int) throws -> [Int] {
    let before = filter.before ?? .max
    guard !filter.states.isEmpty else {
      if let client = filter.client {
        return try ids(Self.newestOfClient, [client, before, limit])
      }
      return try ids(Self.newest, [before, limit])
    }
    // A question for each state stays within its index; one for all of them would have to sort.
    var found: [Int] = []
    for state in filter.states {
      if let client = filter.client {
        found += try ids(Self.newestOfBoth, [client, state.rawValue, before, limit])
      } else {
        found += try ids(Self.newestOfState, [state.rawValue, before, limit])
      }
    }
    return Array(found.sorted(by: >).prefix(limit))
  }

  private func ids(_ sql: String, _ arguments: StatementArguments) throws -> [Int] {
    try Int.fetchAll(db.cachedStatement(sql: sql), arguments: arguments)
  }

  /// Stores a new job; its id is the row's.
  func insert(_ job: inout Job, key: String?, json: String) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO job
          (state, reason, client, key, request_json, submitted_ns, interruptions, schedule)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      job.state.rawValue, job.reason, job.client, key, json, job.submittedUnixNanoseconds,
      job.interruptions, job.schedule,
    ])
    job.id = Int(db.lastInsertedRowID)
  }

  /// Writes what changes in the life of a job.
  func update(_ job: Job) throws {
    try db.cachedStatement(
      sql: """
        UPDATE job SET
          state = ?, reason = ?, started_ns = ?, ended_ns = ?, interruptions = ?, session = ?,
          exit = ?
        WHERE id = ?
        """
    ).execute(arguments: [
      job.state.rawValue, job.reason, job.startedUnixNanoseconds, job.endedUnixNanoseconds,
      job.interruptions, job.session, job.exit, job.id,
    ])
    if db.changesCount == 0 { throw StoreError.noSuchJob(job.id) }
  }

  private func job(_ row: GRDB.Row) throws -> Job {
    guard let state = Job.State(rawValue: try row.decode(forColumn: "state")) else {
      throw StoreError.unwritten("a job's state", path: path)
    }
    return try Job(
      id: row.decode(forColumn: "id"), state: state, reason: row.decode(forColumn: "reason"),
      client: row.decode(forColumn: "client"),
      request: JSONText.decode(
        row.decode(forColumn: "request_json"), what: "a job's request", path: path),
      submittedUnixNanoseconds: row.decode(forColumn: "submitted_ns"),
      startedUnixNanoseconds: row.decode(forColumn: "started_ns"),
      endedUnixNanoseconds: row.decode(forColumn: "ended_ns"),
      interruptions: row.decode(forColumn: "interruptions"),
      session: row.decode(forColumn: "session"), exit: row.decode(forColumn: "exit"),
      schedule: row.decode(forColumn: "schedule"))
  }
}
