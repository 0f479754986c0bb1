// Tests of schema 3: the log without gaps, schedules, samples, pruning, and the file's health.

import DaemonAPI
import Foundation
import GRDB
import Reports
import Testing

@testable import ResultStore

@Suite struct DaemonTablesTests {
  @Test("events are numbered without gaps, also past a failed one, a pruning and another process")
  func events() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      let store = try ResultStore(path: path)
      #expect(try store.lastEvent() == 0)
      #expect(try store.events(after: 0, limit: 9) == EventPage(events: [], next: 0))
      for number in 1...5 {
        let event = try store.appendEvent(
          .jobStarted, job: number, message: "„\(number)\u{0}\"", at: -1_500_000 + number)
        #expect(event.seq == number)
        #expect(event.at == "1969-12-31T23:59:59.999Z")
        #expect(try store.events(after: number - 1, limit: 9).events == [event])
      }
      #expect(throws: StoreError.self) {
        try store.write { db in
          _ = try EventTable(db: db, path: path).append(.jobEnded, job: 1, message: "", at: 0)
          throw StoreError.busy(path: path)
        }
      }
      #expect(try store.appendEvent(.queuePaused, message: "six", at: 0).job == nil)
      let page = try store.events(after: 1, limit: 2)
      #expect(page.events.map(\.seq) == [2, 3] && page.next == 3)
      #expect(try store.events(after: 77, limit: 2) == EventPage(events: [], next: 77))
      try store.pruneEvents(keep: 2)
      #expect(try store.events(after: 0, limit: 9).events.map(\.seq) == [5, 6])
      try store.pruneEvents(keep: 0)
      let other = try ResultStore(path: path)
      #expect(try other.lastEvent() == 6)
      #expect(try other.appendEvent(.queueResumed, message: "seven", at: 0).seq == 7)
    }
  }

  @Test("times have milliseconds, rounded down")
  func times() {
    let day = 1_795_000_000_000_000_000
    let texts = [
      (day, "2026-11-18T11:06:40.000Z"), (day + 999_999, "2026-11-18T11:06:40.000Z"),
      (day + 57_000_000, "2026-11-18T11:06:40.057Z"),
      (day + 999_999_999, "2026-11-18T11:06:40.999Z"), (0, "1970-01-01T00:00:00.000Z"),
    ]
    for (nanoseconds, text) in texts { #expect(EventTable.text(of: nanoseconds) == text) }
  }

  @Test("schedules are kept, changed and dropped; an id is not another one's later")
  func schedules() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      let request = ScheduleRequest(
        cron: "0 3 * * *", name: "nightly", job: Samples.request(), freshSeed: false)
      var first = try store.addSchedule(request, next: 5)
      let second = try store.addSchedule(request, next: nil)
      #expect(first.id == 1 && second.id == 2)
      first.nextUnixNanoseconds = 6
      first.lastUnixNanoseconds = 5
      first.lastJob = 9
      try store.save(first)
      #expect(try store.schedules() == [first, second])
      #expect(try store.removeSchedule(2))
      #expect(try store.removeSchedule(2) == false)
      #expect(throws: StoreError.noSuchSchedule(2)) { try store.save(second) }
      #expect(try store.addSchedule(request, next: 1).id == 3)
    }
  }

  @Test("samples come out in the order of their time, and only the newest are kept")
  func samples() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      let samples = (1...9).map { number in
        DaemonSample(
          unixNanoseconds: number, residentBytes: number << 20,
          allocatedBytes: number.isMultiple(of: 2) ? nil : number, descriptors: 12,
          jobsDone: number)
      }
      for sample in samples { try store.appendSample(sample) }
      #expect(try store.samples(since: 0) == samples)
      #expect(try store.samples(since: 7) == Array(samples[6...]))
      try store.pruneSamples(keep: 4)
      #expect(try store.samples(since: .min) == Array(samples[5...]))
      try store.pruneSamples(keep: .max)
      #expect(try store.samples(since: .min).count == 4)
    }
  }

  @Test("old jobs are dropped, but for open ones; keys are free again, sessions and ids stay")
  func pruneJobs() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.write { db in
        // More than one transaction drops.
        try db.execute(
          sql: """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
            INSERT INTO job (state, client, key, request_json, submitted_ns, interruptions)
            SELECT iif(i % 1000 = 7, 'paused', 'done'), 'ada', 'k' || i, ?, 0, 0 FROM n
            """, arguments: [JSONText.encode(Samples.request())])
      }
      var last = try store.submitted()
      last.session = Samples.uuid(1)
      last.state = .done
      try store.save(last, record: Samples.session(), at: 0)
      try store.pruneJobs(keep: 3)
      #expect(try store.jobs(JobFilter()).jobs.map(\.id) == [2501, 2500, 2499, 2007, 1007, 7])
      #expect(try store.submitted(Samples.request("other"), key: "k1").id == 2502)
      try store.pruneJobs(keep: 0)
      #expect(try store.jobs(JobFilter()).jobs.map(\.id) == [2502, 2007, 1007, 7])
      #expect(try store.session("0") == Samples.session())
    }
  }

  @Test("a store of schema 2 keeps all it has, and its log goes on")
  func migration() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      var kept = Samples.session()
      for index in kept.report.rows.indices { kept.report.rows[index].backtrace = nil }
      kept.controlFailure?.backtrace = nil
      let old = try DatabaseQueue(path: path)
      try old.inDatabase { db in
        try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
        try db.execute(sql: "PRAGMA journal_mode = WAL")
      }
      try Schema.migrator.migrate(old, upTo: "2")
      try old.write { db in
        // The writer is of today: what it needs besides goes again.
        try db.execute(sql: "ALTER TABLE run ADD COLUMN backtrace TEXT")
        try SessionWriter(db: db).append(kept)
        try db.execute(sql: "ALTER TABLE run DROP COLUMN backtrace")
        try db.execute(
          sql: """
            INSERT INTO event VALUES
              (3, '2026-01-01T00:00:00.000Z', 'worker-died', '{"job":1,"message":"m"}'),
              (9, '2026-01-01T00:00:01.000Z', 'worker-ended', '{"message":"n"}')
            """)
      }
      #expect(try ResultStore(path: path, readOnly: true).session("0") == kept)
      let store = try ResultStore(path: path)
      #expect(try store.query("PRAGMA user_version").rows == [["\(Schema.version)"]])
      #expect(try store.session("0") == kept)
      #expect(try store.events(after: 0, limit: 9).events.map(\.message) == ["m", "n"])
      #expect(try store.submitted().id == 1)
      #expect(try store.lastEvent() == 10)
      #expect(try store.query("PRAGMA foreign_key_check").rows.isEmpty)
    }
  }

  @Test("a checkpoint empties the log of writes, and does not wait for a reader")
  func checkpoint() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      let store = try ResultStore(path: path)
      _ = try store.submitted()
      let reader = try DatabaseQueue(path: path)
      try reader.inDatabase { db in
        try db.execute(sql: "BEGIN; SELECT count(*) FROM job")
        _ = try store.submitted()
        #expect(try store.checkpoint() == false)
        try db.execute(sql: "COMMIT")
      }
      #expect(try store.checkpoint())
      let attributes = try FileManager.default.attributesOfItem(atPath: path + "-wal")
      #expect(attributes[.size].map { "\($0)" } == "0")
      #expect(try store.query("SELECT count(*) FROM job").rows == [["2"]])
      #expect(
        try store.read { db in try Int.fetchOne(db, sql: "PRAGMA busy_timeout") } == 5000)
    }
  }

  @Test("damage in the file is found, and told in one line")
  func quickCheck() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      do {
        let store = try ResultStore(path: path)
        for number in 1...20 { try store.append(Samples.session(number)) }
        try store.quickCheck()
        try store.checkpoint()
      }
      let file = try #require(FileHandle(forUpdatingAtPath: path))
      let size = try file.seekToEnd()
      try file.seek(toOffset: size / 2 / 4096 * 4096)
      try file.write(contentsOf: Data(repeating: 0x5A, count: 4096))
      try file.close()
      let error = #expect(throws: StoreError.self) { try ResultStore(path: path).quickCheck() }
      #expect(error?.exitCode == 8)
      #expect(error?.description.contains("\n") == false)
    }
  }
}
