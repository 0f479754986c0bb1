// The memory of a row: the table that schema 2 added, written and read.

import GRDB
import Reports

/// Keeps ``MemoryFigures`` in a table of its own: most columns are often empty.
enum MemoryColumns {
  static let table = """
    CREATE TABLE memory (
      run_id INTEGER PRIMARY KEY REFERENCES run (id),
      resident_bytes INTEGER NOT NULL,
      proportional_bytes INTEGER NOT NULL,
      mappings INTEGER NOT NULL,
      page_table_bytes INTEGER NOT NULL,
      minor_faults INTEGER,
      major_faults INTEGER,
      live_greenlets INTEGER,
      high_water_bytes INTEGER,
      high_water_median_bytes INTEGER,
      create_ns INTEGER,
      destroy_ns INTEGER,
      pool_made INTEGER,
      pool_lent INTEGER,
      pool_idle INTEGER,
      pool_trimmed INTEGER,
      pool_slabs INTEGER
    ) STRICT;
    """

  static func insert(_ figures: MemoryFigures, run: Int64, _ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO memory
          (run_id, resident_bytes, proportional_bytes, mappings, page_table_bytes, minor_faults,
           major_faults, live_greenlets, high_water_bytes, high_water_median_bytes, create_ns,
           destroy_ns, pool_made, pool_lent, pool_idle, pool_trimmed, pool_slabs)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      run, figures.residentBytes, figures.proportionalBytes, figures.mappings,
      figures.pageTableBytes, figures.minorFaults, figures.majorFaults, figures.liveGreenlets,
      figures.highWaterBytes, figures.highWaterMedianBytes, figures.createNanoseconds,
      figures.destroyNanoseconds, figures.pool?.made, figures.pool?.lent, figures.pool?.idle,
      figures.pool?.trimmed, figures.pool?.slabs,
    ])
  }

  static func read(run: Int64, _ db: Database) throws -> MemoryFigures? {
    let row = try GRDB.Row.fetchOne(
      db.cachedStatement(sql: "SELECT * FROM memory WHERE run_id = ?"), arguments: [run])
    guard let row else { return nil }
    var figures = try MemoryFigures(
      residentBytes: row.decode(forColumn: "resident_bytes"),
      proportionalBytes: row.decode(forColumn: "proportional_bytes"),
      mappings: row.decode(forColumn: "mappings"),
      pageTableBytes: row.decode(forColumn: "page_table_bytes"))
    figures.minorFaults = try row.decode(forColumn: "minor_faults")
    figures.majorFaults = try row.decode(forColumn: "major_faults")
    figures.liveGreenlets = try row.decode(forColumn: "live_greenlets")
    figures.highWaterBytes = try row.decode(forColumn: "high_water_bytes")
    figures.highWaterMedianBytes = try row.decode(forColumn: "high_water_median_bytes")
    figures.createNanoseconds = try row.decode(forColumn: "create_ns")
    figures.destroyNanoseconds = try row.decode(forColumn: "destroy_ns")
    if let made = try row.decode(Int?.self, forColumn: "pool_made") {
      figures.pool = try PoolCounters(
        made: made, lent: row.decode(forColumn: "pool_lent"),
        idle: row.decode(forColumn: "pool_idle"), trimmed: row.decode(forColumn: "pool_trimmed"),
        slabs: row.decode(forColumn: "pool_slabs"))
    }
    return figures
  }
}
