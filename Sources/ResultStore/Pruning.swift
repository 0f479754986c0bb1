// Drops the oldest of what only grows, some rows at a time.

import GRDB

extension ResultStore {
  /// The most rows that one transaction drops: others write in between.
  static let prunedRowsMax = 1000

  /// Drops the oldest events.
  ///
  /// - Parameter keep: How many of the newest stay. Numbers of dropped events do not come again.
  /// - Throws: What SQLite reports; some may be dropped by then.
  public func pruneEvents(keep: Int) throws(StoreError) {
    try prune("event", keep: keep, Self.pruneEventsSQL)
  }

  /// Drops the oldest final jobs, and with them their keys; their sessions stay.
  ///
  /// - Parameter keep: How many of the newest jobs are not looked at.
  /// - Throws: What SQLite reports; some may be dropped by then.
  public func pruneJobs(keep: Int) throws(StoreError) {
    try prune("job", keep: keep, Self.pruneJobsSQL)
  }

  /// Drops the oldest samples.
  ///
  /// - Parameter keep: How many of the newest stay.
  /// - Throws: What SQLite reports; some may be dropped by then.
  public func pruneSamples(keep: Int) throws(StoreError) {
    try prune("daemon_sample", keep: keep, Self.pruneSamplesSQL)
  }

  static let pruneEventsSQL = """
    DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE seq <= ? ORDER BY seq LIMIT ?)
    """
  static let pruneJobsSQL = """
    DELETE FROM job WHERE id IN (
      SELECT id FROM job WHERE id <= ? AND state NOT IN \(JobTable.open) ORDER BY id LIMIT ?)
    """
  static let pruneSamplesSQL = """
    DELETE FROM daemon_sample
    WHERE id IN (SELECT id FROM daemon_sample WHERE id <= ? ORDER BY id LIMIT ?)
    """

  // Numbers have no gaps when they are given away, so the newest ones need not be counted.
  private func prune(_ table: String, keep: Int, _ sql: String) throws(StoreError) {
    let newest = try read { db in try LastNumber.of(table, db) }
    let (last, overflow) = newest.subtractingReportingOverflow(max(keep, 0))
    guard !overflow, last > 0 else { return }
    var dropped = Self.prunedRowsMax
    while dropped == Self.prunedRowsMax {
      dropped = try write { db in
        try db.cachedStatement(sql: sql).execute(arguments: [last, Self.prunedRowsMax])
        return db.changesCount
      }
    }
  }
}
