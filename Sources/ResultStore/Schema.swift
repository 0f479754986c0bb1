// The schema of the store, as a list of steps that only grows.

import GRDB

/// The tables: step "1" made most, step "2" added `memory`, step "3" what the
/// daemon has, and the calls that led to a crash, step "4" what stress classes found.
///
/// Steps are only added. A step that was released is never changed: files out there ran it.
enum Schema {
  /// What this program writes into `PRAGMA user_version`, and the most that it reads.
  static let version = 4

  /// "gbrs" in ASCII: tells a result store from every other SQLite file.
  static let applicationID = 0x6762_7273

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { db in
      try db.execute(sql: sessions)
      try db.execute(sql: results)
      try db.execute(sql: remarks)
      try db.execute(sql: "PRAGMA user_version = 1")
    }
    migrator.registerMigration("2") { db in
      try db.execute(sql: MemoryColumns.table)
      for column in ["p10_low_ns", "p10_high_ns"] {
        try db.execute(sql: "ALTER TABLE run ADD COLUMN \(column) REAL")
      }
      try db.execute(sql: "PRAGMA user_version = 2")
    }
    migrator.registerMigration("3") { db in
      try db.execute(sql: DaemonTables.step)
      try db.execute(sql: "ALTER TABLE run ADD COLUMN backtrace TEXT")
      try db.execute(sql: "PRAGMA user_version = 3")
    }
    migrator.registerMigration("4") { db in
      try db.execute(sql: StressTables.step)
      try db.execute(sql: "PRAGMA user_version = 4")
    }
    return migrator
  }

  // What was run, where, and from which source. Every hash is of the text beside it.
  private static let sessions = """
    CREATE TABLE env (
      id INTEGER PRIMARY KEY,
      hash TEXT NOT NULL UNIQUE,
      json TEXT NOT NULL
    ) STRICT;

    CREATE TABLE source (
      id INTEGER PRIMARY KEY,
      commit_id TEXT NOT NULL,
      dirty INTEGER NOT NULL CHECK (dirty IN (0, 1)),
      branch TEXT NOT NULL,
      build_id TEXT NOT NULL,
      UNIQUE (commit_id, dirty, branch, build_id)
    ) STRICT;

    CREATE TABLE config (
      id INTEGER PRIMARY KEY,
      hash TEXT NOT NULL UNIQUE,
      workload TEXT NOT NULL,
      backend TEXT NOT NULL,
      stack TEXT NOT NULL,
      params_json TEXT NOT NULL
    ) STRICT;
    CREATE INDEX config_by_backend ON config (backend);

    CREATE TABLE session (
      id INTEGER PRIMARY KEY,
      uuid TEXT NOT NULL UNIQUE,
      started_utc TEXT NOT NULL,
      started_ns INTEGER NOT NULL,
      cmdline TEXT NOT NULL,
      seed TEXT NOT NULL,
      env_id INTEGER NOT NULL REFERENCES env (id),
      source_id INTEGER NOT NULL REFERENCES source (id),
      verdict TEXT NOT NULL,
      exit INTEGER NOT NULL,
      note TEXT
    ) STRICT;
    CREATE INDEX session_by_start ON session (started_ns);
    """

  // What was measured. A row's ordinal counts from 1; the control's is 0, and it has no config.
  private static let results = """
    CREATE TABLE run (
      id INTEGER PRIMARY KEY,
      session_id INTEGER NOT NULL REFERENCES session (id),
      ordinal INTEGER NOT NULL,
      config_id INTEGER REFERENCES config (id),
      role TEXT NOT NULL CHECK (role IN ('row', 'control')),
      status TEXT NOT NULL,
      failure TEXT,
      verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
      checksum TEXT,
      operations INTEGER NOT NULL,
      p10_ns REAL,
      p50_ns REAL,
      p99_ns REAL,
      ratio_to TEXT,
      ratio REAL,
      ratio_low REAL,
      ratio_high REAL,
      blocks INTEGER NOT NULL,
      clean_share REAL NOT NULL,
      bytes_per_greenlet REAL,
      grade TEXT,
      switches_in_kernel INTEGER NOT NULL CHECK (switches_in_kernel IN (0, 1)),
      UNIQUE (session_id, ordinal),
      CHECK ((role = 'control') = (config_id IS NULL))
    ) STRICT;
    CREATE INDEX run_by_config ON run (config_id, session_id);

    CREATE TABLE series (
      id INTEGER PRIMARY KEY,
      config_hash TEXT NOT NULL,
      metric TEXT NOT NULL,
      unit TEXT NOT NULL,
      better TEXT NOT NULL CHECK (better IN ('lower', 'higher')),
      assume TEXT NOT NULL CHECK (assume IN ('nothing', 'exact')),
      UNIQUE (config_hash, metric)
    ) STRICT;

    CREATE TABLE result (
      series_id INTEGER NOT NULL REFERENCES series (id),
      run_id INTEGER NOT NULL REFERENCES run (id),
      p10 REAL,
      p50 REAL,
      mean REAL,
      n_clean INTEGER NOT NULL,
      n_all INTEGER NOT NULL,
      PRIMARY KEY (series_id, run_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX result_by_run ON result (run_id);

    CREATE TABLE block (
      run_id INTEGER NOT NULL REFERENCES run (id),
      number INTEGER NOT NULL,
      position INTEGER NOT NULL,
      pressure REAL NOT NULL,
      p10_ns REAL,
      p50_ns REAL,
      n_clean INTEGER NOT NULL,
      n_all INTEGER NOT NULL,
      PRIMARY KEY (run_id, number)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE batches (
      run_id INTEGER PRIMARY KEY REFERENCES run (id),
      codec TEXT NOT NULL,
      crc32c INTEGER NOT NULL,
      blob BLOB NOT NULL
    ) STRICT;

    CREATE TABLE hist (
      run_id INTEGER NOT NULL REFERENCES run (id),
      metric TEXT NOT NULL,
      codec TEXT NOT NULL,
      crc32c INTEGER NOT NULL,
      blob BLOB NOT NULL,
      PRIMARY KEY (run_id, metric)
    ) STRICT;
    """

  // What people and programs say about it.
  private static let remarks = """
    CREATE TABLE tag (
      run_id INTEGER NOT NULL REFERENCES run (id),
      k TEXT NOT NULL,
      v TEXT NOT NULL,
      PRIMARY KEY (run_id, k)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE note (
      id INTEGER PRIMARY KEY,
      target TEXT NOT NULL,
      text TEXT NOT NULL,
      author TEXT,
      at TEXT NOT NULL
    ) STRICT;

    CREATE TABLE baseline (
      name TEXT PRIMARY KEY,
      session_id INTEGER NOT NULL REFERENCES session (id),
      pinned INTEGER NOT NULL CHECK (pinned IN (0, 1))
    ) STRICT;

    CREATE TABLE comparison (
      id INTEGER PRIMARY KEY,
      a INTEGER NOT NULL REFERENCES run (id),
      b INTEGER NOT NULL REFERENCES run (id),
      rule_version INTEGER NOT NULL,
      json TEXT NOT NULL
    ) STRICT;

    CREATE TABLE event (
      seq INTEGER PRIMARY KEY,
      at TEXT NOT NULL,
      kind TEXT NOT NULL,
      json TEXT NOT NULL
    ) STRICT;
    """
}
