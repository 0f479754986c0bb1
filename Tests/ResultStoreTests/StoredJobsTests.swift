// Tests of jobs in the store: once each, all or nothing, and found without reading all of them.

import DaemonAPI
import FoundationEssentials
import GRDB
import Reports
import Testing

@testable import ResultStore

extension Samples {
  static func request(_ workload: String = "ring") -> JobRequest {
    JobRequest(
      scenario: Scenario(workload: workload, parameters: ["members": [3, 503]], seed: 1 << 63),
      commandLine: "greenbench run \(workload)", priority: -3,
      quiet: QuietCondition(pressurePercentMax: 0.1, deadlineSeconds: 600),
      timeBudgetSeconds: 1.0 / 3)
  }
}

extension ResultStore {
  /// Submits a job that nobody limits.
  func submitted(
    _ request: JobRequest = Samples.request(), client: String = "ada", key: String? = nil
  ) throws -> Job {
    try submit(request, client: client, key: key, limit: .max, at: 1_000_000_000).submission.job
  }

  /// What is in the tables that a save writes.
  func counts() throws -> [[[String]]] {
    try ["job", "event", "session", "run", "block", "batches", "env", "sqlite_sequence"].map {
      try query("SELECT count(*), '' FROM \($0)").rows
    } + [query("SELECT * FROM job").rows, query("SELECT * FROM sqlite_sequence").rows]
  }
}

@Suite struct StoredJobsTests {
  @Test("a job comes out as it was submitted, with its event, also for another process")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      let (submission, event) = try store.submit(
        Samples.request(), client: "ada", key: nil, schedule: 4, limit: 1,
        at: 1_795_000_000_123_456_789)
      #expect(
        submission
          == Submission(
            job: Job(
              id: 1, client: "ada", request: Samples.request(),
              submittedUnixNanoseconds: 1_795_000_000_123_456_789, schedule: 4),
            repeated: false))
      #expect(
        event
          == DaemonEvent(
            seq: 1, at: "2026-11-18T11:06:40.123Z", kind: .jobSubmitted, job: 1,
            message: "ada submitted job 1, ring"))
      let other = try ResultStore(path: "\(folder)/r.sqlite", readOnly: true)
      #expect(try other.job(1) == submission.job)
      #expect(try other.job(2) == nil)
      #expect(try other.events(after: 0, limit: 9).events == [event])
    }
  }

  @Test("one client's key makes one job, and is another client's to use, too")
  func keys() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      let first = try store.submitted(key: "k")
      // Even where no other job would be taken any more.
      let (again, event) = try store.submit(
        Samples.request(), client: "ada", key: "k", limit: 1, at: 2_000_000_000)
      #expect(again == Submission(job: first, repeated: true))
      #expect(event == nil)
      #expect(throws: StoreError.keyTaken(client: "ada", key: "k", job: 1)) {
        try store.submitted(Samples.request("other"), key: "k")
      }
      #expect(try store.submitted(client: "bob", key: "k").id == 2)
      #expect(try store.submitted().id == 3)
      #expect(try store.submitted().id == 4)
      #expect(try store.lastEvent() == 4)
    }
  }

  @Test("no more jobs are open than may be; those that are done make room")
  func limit() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      var job = try store.submitted()
      _ = try store.submitted()
      let before = try store.counts()
      #expect(throws: StoreError.queueFull(limit: 2)) {
        try store.submit(Samples.request(), client: "bob", key: "k", limit: 2, at: 0)
      }
      #expect(try store.counts() == before)
      job.state = .cancelled
      try store.save(job, at: 0)
      #expect(
        try store.submit(Samples.request(), client: "bob", key: "k", limit: 2, at: 0)
          .submission.job.id == 3)
    }
  }

  @Test("a job is saved with its session and its event, and is final from then on")
  func save() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      var job = try store.submitted()
      let record = Samples.session(7)
      job.state = .running
      job.startedUnixNanoseconds = 2_000_000_000
      job.interruptions = 2
      #expect(try store.save(job, at: 2_000_000_000) == nil)
      #expect(try store.openJobs() == [job])
      job.state = .done
      job.reason = "a row failed"
      job.endedUnixNanoseconds = 3_000_000_000
      job.session = record.report.session
      job.exit = 3
      let event = try store.save(
        job, record: record, event: (.jobEnded, "job 1 ended with 3"), at: 3_000_000_000)
      #expect(
        event
          == DaemonEvent(
            seq: 2, at: "1970-01-01T00:00:03.000Z", kind: .jobEnded, job: 1,
            message: "job 1 ended with 3"))
      #expect(try store.job(1) == job)
      #expect(try store.session(Samples.uuid(7)) == record)
      #expect(try store.openJobs().isEmpty)
    }
  }

  @Test("what cannot be saved in full is not saved at all, whichever part fails")
  func atomic() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(Samples.session(7))
      var job = try store.submitted()
      job.state = .done
      job.session = Samples.uuid(7)
      let before = try store.counts()
      func fails(_ job: Job, _ number: Int) throws {
        #expect(throws: StoreError.self) {
          try store.save(
            job, record: Samples.session(number), event: (.jobEnded, "ended"), at: 0)
        }
        #expect(try store.counts() == before)
      }
      try fails(job, 7)
      job.session = Samples.uuid(8)
      var other = job
      other.id = 99
      try fails(other, 8)
      for table in ["event", "batches", "job"] {
        let verb = table == "job" ? "UPDATE" : "INSERT"
        try store.withoutTransaction { db in
          try db.execute(
            sql: """
              CREATE TEMP TRIGGER refuse AFTER \(verb) ON \(table)
              BEGIN SELECT RAISE(ABORT, 'no'); END
              """)
        }
        try fails(job, 8)
        try store.withoutTransaction { db in try db.execute(sql: "DROP TRIGGER refuse") }
      }
      let event = try store.save(
        job, record: Samples.session(8), event: (.jobEnded, "ended"), at: 0)
      #expect(event?.seq == 2, "a failed save takes no number")
      #expect(throws: StoreError.noSuchJob(99)) { try store.save(other, at: 0) }
    }
  }

  @Test("a full file system takes nothing of a submission, and is called by its name")
  func full() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      _ = try store.submitted()
      try store.withoutTransaction { db in
        let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        try db.execute(sql: "PRAGMA max_page_count = \(pages)")
      }
      var request = Samples.request()
      request.commandLine = String(repeating: "x", count: 1 << 16)
      let before = try store.counts()
      #expect(throws: StoreError.full(path: "\(folder)/r.sqlite")) {
        try store.submitted(request)
      }
      #expect(try store.counts() == before)
    }
  }

  @Test("pages of jobs, newest first, by every filter, have each job once")
  func pages() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      var jobs: [Job] = []
      for number in 1...40 {
        var job = try store.submitted(client: number.isMultiple(of: 3) ? "ada" : "bob")
        job.state = Job.State.allCases[number % Job.State.allCases.count]
        try store.save(job, at: 0)
        jobs.insert(job, at: 0)
      }
      for states: Set<Job.State> in [[], [.done], [.done, .queued, .failed], [.interrupted]] {
        for client in [nil, "ada", "nobody"] {
          let expected = jobs.filter {
            (states.isEmpty || states.contains($0.state)) && (client ?? $0.client) == $0.client
          }
          var filter = JobFilter(states: states, client: client, limit: 3)
          var found: [Job] = []
          while true {
            let page = try store.jobs(filter)
            #expect(page.jobs.count <= 3)
            found += page.jobs
            filter.before = page.next
            if page.next == nil { break }
          }
          #expect(found == expected)
        }
      }
      #expect(try store.jobs(JobFilter(limit: .max)).jobs == jobs)
      #expect(try store.jobs(JobFilter(limit: .min)).jobs == [jobs[0]])
      #expect(try store.jobs(JobFilter(limit: 40)).next == nil)
    }
  }

  @Test(
    "no question about jobs reads all of them",
    arguments: [
      JobTable.byID, JobTable.byKey, JobTable.opened, JobTable.openCount, JobTable.newest,
      JobTable.newestOfState, JobTable.newestOfClient, JobTable.newestOfBoth, EventTable.page,
      ResultStore.samplesSince, ResultStore.pruneEventsSQL, ResultStore.pruneJobsSQL,
      ResultStore.pruneSamplesSQL,
    ])
  func plans(sql: String) throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      let steps = try store.read { db in
        let count = sql.count { $0 == "?" }
        return try GRDB.Row.fetchAll(
          db, sql: "EXPLAIN QUERY PLAN " + sql,
          arguments: StatementArguments(Array(repeating: 1, count: count))
        ).map { try $0.decode(String.self, forColumn: "detail") }
      }
      #expect(steps.contains { $0.hasPrefix("SEARCH") })
      // By the client alone, one state of many would be looked for among all of the client's jobs.
      if sql == JobTable.newestOfBoth {
        #expect(steps.contains { $0.contains("job_by_client_state") })
      }
      for step in steps {
        #expect(!step.hasPrefix("SCAN"), "\(sql): \(step)")
        // Open jobs come state by state; there are no more of them than may wait.
        #expect(!step.contains("TEMP B-TREE") || sql == JobTable.opened, "\(sql): \(step)")
      }
    }
  }

  @Test("what nobody wrote is damage, not a crash", arguments: ["state", "request_json"])
  func damage(column: String) throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      _ = try store.submitted()
      try store.write { db in try db.execute(sql: "UPDATE job SET \(column) = '{}'") }
      let error = #expect(throws: StoreError.self) { try store.job(1) }
      #expect(error?.exitCode == 8)
    }
  }
}
