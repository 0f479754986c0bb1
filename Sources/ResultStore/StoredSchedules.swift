// Schedules in the store.

public import DaemonAPI
import GRDB

extension ResultStore {
  /// All schedules, in the order in which they were added.
  ///
  /// - Throws: What SQLite reports.
  public func schedules() throws(StoreError) -> [Schedule] {
    try read { db in
      try GRDB.Row.fetchAll(
        db.cachedStatement(
          sql: "SELECT id, request_json, next_ns, last_ns, last_job FROM schedule ORDER BY id")
      ).map { row in
        try Schedule(
          id: row.decode(forColumn: "id"),
          request: JSONText.decode(
            row.decode(forColumn: "request_json"), what: "a schedule's request", path: path),
          nextUnixNanoseconds: row.decode(forColumn: "next_ns"),
          lastUnixNanoseconds: row.decode(forColumn: "last_ns"),
          lastJob: row.decode(forColumn: "last_job"))
      }
    }
  }

  /// Stores a schedule.
  ///
  /// - Parameters:
  ///   - request: What to run, and when.
  ///   - next: When it first comes, in nanoseconds since the Unix epoch; nil for never.
  /// - Returns: The schedule, with its id.
  /// - Throws: What SQLite reports; then nothing is stored.
  public func addSchedule(
    _ request: ScheduleRequest, next: Int?
  ) throws(StoreError) -> Schedule {
    try write { db in
      try db.cachedStatement(sql: "INSERT INTO schedule (request_json, next_ns) VALUES (?, ?)")
        .execute(arguments: [JSONText.encode(request), next])
      return Schedule(
        id: Int(db.lastInsertedRowID), request: request, nextUnixNanoseconds: next)
    }
  }

  /// Writes when a schedule comes next, when it last came, and as which job.
  ///
  /// - Throws: `noSuchSchedule`, or what SQLite reports; then nothing is stored.
  public func save(_ schedule: Schedule) throws(StoreError) {
    try write { db in
      try db.cachedStatement(
        sql: "UPDATE schedule SET next_ns = ?, last_ns = ?, last_job = ? WHERE id = ?"
      ).execute(arguments: [
        schedule.nextUnixNanoseconds, schedule.lastUnixNanoseconds, schedule.lastJob, schedule.id,
      ])
      if db.changesCount == 0 { throw StoreError.noSuchSchedule(schedule.id) }
    }
  }

  /// Drops a schedule; its jobs stay.
  ///
  /// - Parameter id: The schedule's id.
  /// - Returns: Whether there was one.
  /// - Throws: What SQLite reports.
  public func removeSchedule(_ id: Int) throws(StoreError) -> Bool {
    try write { db in
      try db.cachedStatement(sql: "DELETE FROM schedule WHERE id = ?").execute(arguments: [id])
      return db.changesCount > 0
    }
  }
}
