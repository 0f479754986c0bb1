// The daemon's tables, which schema 3 added: jobs, schedules, samples, and a log without gaps.

/// What step "3" does to a store.
///
/// `AUTOINCREMENT` everywhere: a number that somebody was told is never another thing's, even when
/// its row was dropped in time. The log of step "1" could not promise that, so it is made anew.
enum DaemonTables {
  static let step = """
    CREATE TABLE job (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      state TEXT NOT NULL,
      reason TEXT,
      client TEXT NOT NULL,
      key TEXT,
      request_json TEXT NOT NULL,
      submitted_ns INTEGER NOT NULL,
      started_ns INTEGER,
      ended_ns INTEGER,
      interruptions INTEGER NOT NULL,
      session TEXT,
      exit INTEGER,
      schedule INTEGER
    ) STRICT;
    CREATE INDEX job_by_state ON job (state, id);
    CREATE INDEX job_by_client ON job (client, id);
    CREATE INDEX job_by_client_state ON job (client, state, id);
    CREATE UNIQUE INDEX job_by_key ON job (client, key) WHERE key IS NOT NULL;

    CREATE TABLE schedule (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      request_json TEXT NOT NULL,
      next_ns INTEGER,
      last_ns INTEGER,
      last_job INTEGER
    ) STRICT;

    CREATE TABLE daemon_sample (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at_ns INTEGER NOT NULL,
      resident_bytes INTEGER NOT NULL,
      allocated_bytes INTEGER,
      descriptors INTEGER NOT NULL,
      jobs_done INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX daemon_sample_by_time ON daemon_sample (at_ns);

    CREATE TABLE daemon_switch (
      name TEXT PRIMARY KEY,
      value INTEGER NOT NULL CHECK (value IN (0, 1))
    ) STRICT, WITHOUT ROWID;

    ALTER TABLE event RENAME TO event_before;
    CREATE TABLE event (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      at TEXT NOT NULL,
      kind TEXT NOT NULL,
      json TEXT NOT NULL
    ) STRICT;
    INSERT INTO event SELECT seq, at, kind, json FROM event_before ORDER BY seq;
    DROP TABLE event_before;
    """
}
