// A job as others see it.

/// A request that the daemon has acknowledged: it is stored, and stays so.
public struct Job: Codable, Hashable, Sendable {
  /// Counts up for the life of the store.
  public var id: Int
  public var state: State

  /// Why it is in this state, as a sentence; nil where the state says it all.
  public var reason: String?
  public var client: String
  public var request: JobRequest

  /// Nanoseconds since the Unix epoch; nil where that has not happened.
  public var submittedUnixNanoseconds: Int
  public var startedUnixNanoseconds: Int?
  public var endedUnixNanoseconds: Int?

  /// How often the daemon ended in the middle of it.
  public var interruptions: Int

  /// The UUID of the stored session; nil as long as nothing is stored.
  public var session: String?

  /// What `greenbench run` would have ended with; nil until the end.
  public var exit: Int32?

  /// The schedule that it came from.
  public var schedule: Int?

  public init(
    id: Int, state: State = .queued, reason: String? = nil, client: String, request: JobRequest,
    submittedUnixNanoseconds: Int, startedUnixNanoseconds: Int? = nil,
    endedUnixNanoseconds: Int? = nil, interruptions: Int = 0, session: String? = nil,
    exit: Int32? = nil, schedule: Int? = nil
  ) {
    self.id = id
    self.state = state
    self.reason = reason
    self.client = client
    self.request = request
    self.submittedUnixNanoseconds = submittedUnixNanoseconds
    self.startedUnixNanoseconds = startedUnixNanoseconds
    self.endedUnixNanoseconds = endedUnixNanoseconds
    self.interruptions = interruptions
    self.session = session
    self.exit = exit
    self.schedule = schedule
  }

  enum CodingKeys: String, CodingKey {
    case id, state, reason, client, request, interruptions, session, exit, schedule
    case submittedUnixNanoseconds = "submitted_unix_ns"
    case startedUnixNanoseconds = "started_unix_ns"
    case endedUnixNanoseconds = "ended_unix_ns"
  }

  /// Where a job is on its way.
  ///
  /// ```
  ///  queued <--> paused          submitted; paused by somebody, resumed
  ///    |   ^        ^
  ///    v   |        |
  ///  running -------+            paused by somebody in the middle of it
  ///    |   |
  ///    |   +--> (queued)         the daemon ended in the middle of it
  ///    v
  ///  done  failed  cancelled  expired  interrupted
  /// ```
  public enum State: String, Codable, CaseIterable, Sendable {
    /// Waits for its turn, or for quiet.
    case queued

    /// Waits until somebody resumes it, and holds up nobody.
    case paused
    case running

    /// A session is stored; its exit code says what became of the rows.
    case done

    /// Nothing could be measured, or what was measured could not be stored.
    case failed

    /// Somebody did not want it any more; what was complete is stored.
    case cancelled

    /// The machine did not become quiet before the deadline.
    case expired

    /// The daemon ended in the middle of it, and it is not to begin anew.
    case interrupted

    /// Whether nothing happens to the job any more.
    public var isFinal: Bool {
      switch self {
      case .queued, .paused, .running: false
      case .done, .failed, .cancelled, .expired, .interrupted: true
      }
    }
  }
}

/// What can be done to a job.
public enum JobAction: String, Codable, CaseIterable, Sendable {
  /// Takes it out of the queue; stops it at the next request to its worker if it runs.
  case cancel

  /// Leaves it where it is until it is resumed.
  ///
  /// One that runs is stopped as by `cancel`, but nothing of its run is stored: its worker is free
  /// for the next job.
  case pause

  /// Lets a paused job have its turn again; one that had run begins anew.
  case resume
}

/// A job that was submitted.
public struct Submission: Codable, Hashable, Sendable {
  public var job: Job

  /// Whether the same client had submitted it before, under the same key.
  public var repeated: Bool

  public init(job: Job, repeated: Bool) {
    self.job = job
    self.repeated = repeated
  }
}

/// Which jobs to list.
public struct JobFilter: Hashable, Sendable {
  /// Empty means any.
  public var states: Set<Job.State>
  public var client: String?

  /// Only jobs with a smaller id: the next page.
  public var before: Int?
  public var limit: Int

  public init(
    states: Set<Job.State> = [], client: String? = nil, before: Int? = nil, limit: Int = 50
  ) {
    self.states = states
    self.client = client
    self.before = before
    self.limit = limit
  }
}

/// Some jobs, newest first.
public struct JobPage: Codable, Hashable, Sendable {
  public var jobs: [Job]

  /// What to ask for as `before` to get the next page; nil when there is none.
  public var next: Int?

  public init(jobs: [Job], next: Int?) {
    self.jobs = jobs
    self.next = next
  }
}
