// What stress classes found, which schema 4 added: runs, their classes, and failures with artefacts.

import FoundationEssentials
import GRDB
public import Reports

/// What step "4" does to a store.
enum StressTables {
  static let step = """
    CREATE TABLE stress_run (
      id INTEGER PRIMARY KEY,
      uuid TEXT NOT NULL UNIQUE,
      started_utc TEXT NOT NULL,
      profile TEXT NOT NULL,
      seed TEXT NOT NULL,
      seconds REAL NOT NULL,
      machine_json TEXT NOT NULL,
      interrupted INTEGER NOT NULL CHECK (interrupted IN (0, 1))
    ) STRICT;

    CREATE TABLE stress_class (
      run_id INTEGER NOT NULL REFERENCES stress_run (id),
      name TEXT NOT NULL,
      trials INTEGER NOT NULL,
      checks INTEGER NOT NULL,
      unit TEXT NOT NULL,
      failures INTEGER NOT NULL,
      seconds REAL NOT NULL,
      skipped_json TEXT NOT NULL,
      figures_json TEXT NOT NULL,
      PRIMARY KEY (run_id, name)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE stress_finding (
      id INTEGER PRIMARY KEY,
      run_id INTEGER NOT NULL REFERENCES stress_run (id),
      class TEXT NOT NULL,
      token TEXT NOT NULL,
      what TEXT NOT NULL,
      steps INTEGER,
      steps_left INTEGER
    ) STRICT;
    CREATE INDEX stress_finding_by_run ON stress_finding (run_id);

    CREATE TABLE stress_artefact (
      finding_id INTEGER NOT NULL REFERENCES stress_finding (id),
      name TEXT NOT NULL,
      text TEXT NOT NULL,
      PRIMARY KEY (finding_id, name)
    ) STRICT, WITHOUT ROWID;
    """
}

extension ResultStore {
  /// Adds a run of stress classes: all of it, or nothing.
  ///
  /// - Throws: What SQLite reports; then nothing is stored.
  public func appendStress(_ report: StressReport) throws(StoreError) {
    try write { db in
      try db.execute(
        sql: """
          INSERT INTO stress_run (uuid, started_utc, profile, seed, seconds, machine_json, interrupted)
          VALUES (?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          report.run, report.startedUTC, report.profile, report.seed, report.seconds,
          try Self.json(report.machine), report.isInterrupted,
        ])
      let run = db.lastInsertedRowID
      for one in report.classes {
        try db.execute(
          sql: """
            INSERT INTO stress_class
              (run_id, name, trials, checks, unit, failures, seconds, skipped_json, figures_json)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
          arguments: [
            run, one.name, one.trials, one.checks, one.unit, one.failures, one.seconds,
            try Self.json(one.skipped), try Self.json(one.figures),
          ])
        for finding in one.findings { try Self.append(finding, of: one.name, run, db) }
      }
    }
  }

  private static func append(
    _ finding: StressFinding, of name: String, _ run: Int64, _ db: Database
  ) throws {
    try db.execute(
      sql: """
        INSERT INTO stress_finding (run_id, class, token, what, steps, steps_left)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [run, name, finding.token, finding.what, finding.steps, finding.stepsLeft])
    let id = db.lastInsertedRowID
    let kept = finding.artefacts.merging(["replay": finding.replay]) { own, _ in own }
    for (name, text) in kept {
      try db.execute(
        sql: "INSERT INTO stress_artefact (finding_id, name, text) VALUES (?, ?, ?)",
        arguments: [id, name, text])
    }
  }

  private static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
