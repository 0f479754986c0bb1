// Tests of schema 4: what stress classes found, read back by SQL, and stores that had none of it.

import FoundationEssentials
import GRDB
import Reports
import Testing

@testable import ResultStore

@Suite struct StressTablesTests {
  static func report(_ number: Int = 1) -> StressReport {
    var found = StressClassReport(name: "leaks", unit: "cycles")
    (found.trials, found.checks, found.failures, found.seconds) = (3, 300, 1, 1.5)
    found.figures = ["bytes a cycle": 0.25]
    var finding = StressFinding(
      token: "leaks/0x51c2/2~3,4", what: "2 greenlets left",
      artefacts: ["seed": "0x51c2", "schedule": "one\ntwo"])
    (finding.steps, finding.stepsLeft) = (5, 3)
    found.findings = [finding]
    var skipped = StressClassReport(name: "guards", unit: "stacks")
    skipped.skipped = ["no such kernel; try 6.13"]
    var report = StressReport(
      run: Samples.uuid(number), startedUTC: "2026-11-23T06:40:00Z", profile: "pr",
      seed: "0x51c2", machine: ["cpu": "EPYC"], classes: [found, skipped])
    report.isInterrupted = number == 2
    return report
  }

  @Test("a report can be read back by SQL: run, classes, findings and artefacts")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.appendStress(Self.report())
      try store.appendStress(Self.report(2))
      #expect(
        try store.query(
          "SELECT uuid, started_utc, profile, seed, machine_json, interrupted FROM stress_run"
        ).rows == [
          [Samples.uuid(1), "2026-11-23T06:40:00Z", "pr", "0x51c2", #"{"cpu":"EPYC"}"#, "0"],
          [Samples.uuid(2), "2026-11-23T06:40:00Z", "pr", "0x51c2", #"{"cpu":"EPYC"}"#, "1"],
        ])
      #expect(
        try store.query(
          """
          SELECT name, trials, checks, unit, failures, stress_class.seconds, skipped_json, figures_json
          FROM stress_class JOIN stress_run ON id = run_id WHERE uuid = '\(Samples.uuid(1))'
          ORDER BY name
          """
        ).rows == [
          ["guards", "0", "0", "stacks", "0", "0.0", #"["no such kernel; try 6.13"]"#, "{}"],
          ["leaks", "3", "300", "cycles", "1", "1.5", "[]", #"{"bytes a cycle":0.25}"#],
        ])
      #expect(
        try store.query(
          """
          SELECT class, token, what, steps, steps_left, name, text FROM stress_finding f
          JOIN stress_artefact ON finding_id = f.id JOIN stress_run r ON r.id = run_id
          WHERE uuid = '\(Samples.uuid(1))' ORDER BY name
          """
        ).rows == [
          [
            "leaks", "leaks/0x51c2/2~3,4", "2 greenlets left", "5", "3", "replay",
            "greenbench stress replay leaks/0x51c2/2~3,4",
          ],
          ["leaks", "leaks/0x51c2/2~3,4", "2 greenlets left", "5", "3", "schedule", "one\ntwo"],
          ["leaks", "leaks/0x51c2/2~3,4", "2 greenlets left", "5", "3", "seed", "0x51c2"],
        ])
      #expect(try store.query("PRAGMA foreign_key_check").rows.isEmpty)
    }
  }

  @Test("a report that cannot be stored whole is not stored at all")
  func wholeOrNot() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      var twice = Self.report()
      twice.classes.append(twice.classes[0])
      #expect(throws: StoreError.self) { try store.appendStress(twice) }
      for table in ["stress_run", "stress_class", "stress_finding", "stress_artefact"] {
        #expect(try store.query("SELECT count(*) FROM \(table)").rows == [["0"]])
      }
      try store.appendStress(Self.report())
      #expect(throws: StoreError.self) { try store.appendStress(Self.report()) }
      #expect(try store.query("SELECT count(*) FROM stress_finding").rows == [["1"]])
    }
  }

  @Test("a store of schema 3 keeps all it has")
  func migration() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      do {
        let old = try DatabaseQueue(path: path)
        try old.inDatabase { db in
          try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
          try db.execute(sql: "PRAGMA journal_mode = WAL")
        }
        try Schema.migrator.migrate(old, upTo: "3")
        try old.write { db in try SessionWriter(db: db).append(Samples.session()) }
      }
      let reader = try ResultStore(path: path, readOnly: true)
      #expect(try reader.session("0") == Samples.session())
      #expect(try reader.query("PRAGMA user_version").rows == [["3"]])
      let store = try ResultStore(path: path)
      #expect(try store.query("PRAGMA user_version").rows == [["\(Schema.version)"]])
      #expect(try store.session("0") == Samples.session())
      try store.appendStress(Self.report())
      #expect(try store.query("SELECT class FROM stress_finding").rows == [["leaks"]])
      try store.quickCheck()
    }
  }
}
