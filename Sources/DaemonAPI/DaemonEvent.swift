// The daemon's log of what happened, to be read from any point on.

/// Something that happened, stored before it is told.
public struct DaemonEvent: Codable, Hashable, Sendable {
  /// Counts up without gaps for the life of the store; the oldest ones are dropped in time.
  public var seq: Int

  /// ISO 8601, UTC, with milliseconds.
  public var at: String
  public var kind: Kind

  /// The job that it is about.
  public var job: Int?

  /// One sentence.
  public var message: String

  public init(seq: Int, at: String, kind: Kind, job: Int? = nil, message: String) {
    self.seq = seq
    self.at = at
    self.kind = kind
    self.job = job
    self.message = message
  }

  public enum Kind: String, Codable, CaseIterable, Sendable {
    case daemonStarted = "daemon-started"
    case daemonStopping = "daemon-stopping"
    case configurationReloaded = "configuration-reloaded"
    case queuePaused = "queue-paused"
    case queueResumed = "queue-resumed"
    case jobSubmitted = "job-submitted"
    case jobStarted = "job-started"
    case jobPaused = "job-paused"
    case jobResumed = "job-resumed"
    case jobRequeued = "job-requeued"
    case jobEnded = "job-ended"
    case workerStarted = "worker-started"
    case workerEnded = "worker-ended"
    case workerDied = "worker-died"
    case scheduleAdded = "schedule-added"
    case scheduleRemoved = "schedule-removed"
    case scheduleFired = "schedule-fired"
    case scheduleMissed = "schedule-missed"
    case storeTrouble = "store-trouble"
  }
}

/// Some events, oldest first.
public struct EventPage: Codable, Hashable, Sendable {
  public var events: [DaemonEvent]

  /// What to ask for as `after` to get the next page.
  public var next: Int

  public init(events: [DaemonEvent], next: Int) {
    self.events = events
    self.next = next
  }
}
