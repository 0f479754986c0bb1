// Jobs in the store: submitted once, found, listed by pages, and saved with what they measured.

public import DaemonAPI
public import Reports

extension ResultStore {
  /// Stores a job, its key and the event that says so: all of it, or nothing.
  ///
  /// The same client and key with an equal request are the first job once more; nothing is stored.
  ///
  /// - Parameters:
  ///   - request: What to run.
  ///   - client: Whose job it is.
  ///   - key: What makes a repeated submission the same one; nil makes every one new.
  ///   - schedule: The schedule that it comes from.
  ///   - limit: The most jobs that may be open, this one included.
  ///   - unixNanoseconds: The time of the submission, since the Unix epoch.
  /// - Returns: The job, and the event; nil for a repeated submission.
  /// - Throws: `keyTaken` when the key belongs to another request, `queueFull`, or what SQLite
  ///   reports; then nothing is stored.
  public func submit(
    _ request: JobRequest, client: String, key: String?, schedule: Int? = nil, limit: Int,
    at unixNanoseconds: Int
  ) throws(StoreError) -> (submission: Submission, event: DaemonEvent?) {
    try write { db in
      let table = JobTable(db: db, path: path)
      if let key, let first = try table.job(client: client, key: key) {
        guard first.request == request else {
          throw StoreError.keyTaken(client: client, key: key, job: first.id)
        }
        return (Submission(job: first, repeated: true), nil)
      }
      guard try table.countOpen() < limit else { throw StoreError.queueFull(limit: limit) }
      var job = Job(
        id: 0, client: client, request: request, submittedUnixNanoseconds: unixNanoseconds,
        schedule: schedule)
      try table.insert(&job, key: key, json: JSONText.encode(request))
      let event = try EventTable(db: db, path: path).append(
        .jobSubmitted, job: job.id,
        message: "\(client) submitted job \(job.id), \(request.scenario.workload)",
        at: unixNanoseconds)
      return (Submission(job: job, repeated: false), event)
    }
  }

  /// Finds a job.
  ///
  /// - Parameter id: The job's id.
  /// - Returns: The job; nil when there is none, or it was dropped in time.
  /// - Throws: What SQLite reports.
  public func job(_ id: Int) throws(StoreError) -> Job? {
    try read { db in try JobTable(db: db, path: path).job(id) }
  }

  /// A page of jobs, newest first.
  ///
  /// - Parameter filter: Which ones; at most `DaemonProtocol.pageMax` of them.
  /// - Returns: The jobs, and where the next page begins.
  /// - Throws: What SQLite reports.
  /// - Complexity: O(log(jobs) + `limit`), by an index for every filter.
  public func jobs(_ filter: JobFilter) throws(StoreError) -> JobPage {
    let limit = min(max(filter.limit, 1), DaemonProtocol.pageMax)
    return try read { db in
      let table = JobTable(db: db, path: path)
      let ids = try table.ids(filter, limit: limit + 1)
      return JobPage(
        jobs: try ids.prefix(limit).compactMap(table.job),
        next: ids.count > limit ? ids[limit - 1] : nil)
    }
  }

  /// All jobs that are not final, oldest first.
  ///
  /// - Throws: What SQLite reports.
  public func openJobs() throws(StoreError) -> [Job] {
    try read { db in try JobTable(db: db, path: path).openJobs() }
  }

  /// Writes what has become of a job, the session that it measured, and an event: all of it, or
  /// nothing.
  ///
  /// Request, client, schedule and time of submission stay as they were submitted.
  ///
  /// - Parameters:
  ///   - job: The job as it is now.
  ///   - record: What was measured; its session must be the job's.
  ///   - event: What to put into the log about it.
  ///   - unixNanoseconds: The time of the event, since the Unix epoch.
  /// - Returns: The event, with its number.
  /// - Throws: `noSuchJob`, or what SQLite reports; then nothing is stored.
  @discardableResult
  public func save(
    _ job: Job, record: SessionRecord? = nil,
    event: (kind: DaemonEvent.Kind, message: String)? = nil, at unixNanoseconds: Int
  ) throws(StoreError) -> DaemonEvent? {
    precondition(
      record == nil || record?.report.session == job.session,
      "a job is saved with the record of its own session")
    return try write { db in
      if let record { try SessionWriter(db: db).append(record) }
      try JobTable(db: db, path: path).update(job)
      guard let event else { return nil }
      return try EventTable(db: db, path: path).append(
        event.kind, job: job.id, message: event.message, at: unixNanoseconds)
    }
  }
}
