// What somebody said about the queue as a whole: kept, or a restart would forget it.

public import DaemonAPI
import GRDB

extension ResultStore {
  /// Whether somebody holds the queue.
  ///
  /// - Throws: What SQLite reports.
  public func isQueuePaused() throws(StoreError) -> Bool {
    try read { db in
      try Bool.fetchOne(db, sql: "SELECT value FROM daemon_switch WHERE name = 'queue_paused'")
        ?? false
    }
  }

  /// Holds or releases the queue, in one transaction with the event that tells of it.
  ///
  /// - Throws: What SQLite reports; then nothing was changed.
  public func setQueuePaused(
    _ paused: Bool, at unixNanoseconds: Int
  ) throws(StoreError) -> DaemonEvent {
    try write { db in
      try db.execute(
        sql: """
          INSERT INTO daemon_switch (name, value) VALUES ('queue_paused', ?)
          ON CONFLICT (name) DO UPDATE SET value = excluded.value
          """, arguments: [paused])
      return try EventTable(db: db, path: path).append(
        paused ? .queuePaused : .queueResumed, job: nil,
        message: paused ? "somebody holds the queue" : "somebody released the queue",
        at: unixNanoseconds)
    }
  }
}
