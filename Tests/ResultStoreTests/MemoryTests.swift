// Tests of what schema 2 added: a row's memory, its interval, and the notes of a session.

import FoundationEssentials
import GRDB
import Reports
import Testing

@testable import ResultStore

@Suite struct MemoryTests {
  private static func session() -> SessionRecord {
    var record = Samples.session()
    var figures = MemoryFigures(
      residentBytes: 4_300_000_000, proportionalBytes: 4_299_000_000, mappings: 127,
      pageTableBytes: 32_000_000)
    record.report.rows[1].memory = figures
    figures.minorFaults = 1_000_123
    figures.majorFaults = 0
    figures.liveGreenlets = 1_000_000
    figures.highWaterBytes = 2904
    figures.highWaterMedianBytes = 1880
    figures.createNanoseconds = 7_000_000_000
    figures.destroyNanoseconds = 500_000_000
    figures.pool = PoolCounters(made: 1_000_000, lent: 999_999, idle: 1, slabs: 3)
    record.report.rows[0].memory = figures
    record.report.rows[0].p10Interval = Interval(low: 9.6, high: 9.7)
    record.report.notes = ["greenlets=1000000 is left out: no memory", "thread is left out"]
    return record
  }

  @Test("memory, interval and notes come out as they went in, and are plain columns")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(Self.session())
      #expect(try store.session("0") == Self.session())
      #expect(
        try store.query(
          "SELECT mappings, high_water_bytes, pool_made FROM memory ORDER BY run_id"
        ).rows == [["127", "2904", "1000000"], ["127", "", ""]])
      let summary = try #require(try store.sessions(limit: 1).first)
      #expect(summary.bytesPerGreenletLeast == 4412 && summary.bytesPerGreenletMost == 4412)
    }
  }

  /// A store as the first schema had it, with one session.
  private func makeOldStore(_ path: String) throws {
    let queue = try DatabaseQueue(path: path)
    try queue.inDatabase { db in
      try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
      try db.execute(sql: "PRAGMA journal_mode = WAL")
    }
    try Schema.migrator.migrate(queue, upTo: "1")
    try queue.write { db in
      try db.execute(
        sql: """
          INSERT INTO env VALUES (1, 'h', '{}');
          INSERT INTO source VALUES (1, 'abc', 0, 'main', '1');
          INSERT INTO config VALUES (1, 'h', 'ring', 'native', 'mapped:64KiB', '{}');
          INSERT INTO session VALUES
            (1, '\(Samples.uuid(1))', '', 1, '', '7', 1, 1, 'ok', 0, NULL);
          INSERT INTO run
            (id, session_id, ordinal, config_id, role, status, verified, operations, blocks,
             clean_share, bytes_per_greenlet, grade, switches_in_kernel)
          VALUES (1, 1, 1, 1, 'row', 'ok', 1, 5, 0, 1, 4412, 'B', 0);
          """)
    }
  }

  @Test("a store of the first schema is read as it is, and gets the new columns when written to")
  func migration() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      try makeOldStore(path)
      let old = try ResultStore(path: path, readOnly: true)
      let report = try old.report("0")
      #expect(report.rows.map(\.bytesPerGreenlet) == [4412])
      #expect(report.rows.map(\.memory) == [nil] && report.notes.isEmpty)
      #expect(try old.query("PRAGMA user_version").rows == [["1"]])

      let store = try ResultStore(path: path)
      #expect(try store.query("PRAGMA user_version").rows == [["\(Schema.version)"]])
      #expect(try store.report("0") == report)
      var record = Self.session()
      record.report.session = Samples.uuid(2)
      try store.append(record)
      #expect(try store.session("00000002") == record)
    }
  }
}
