// Jobs that come by themselves, by the clock.

/// What to add to the schedules.
public struct ScheduleRequest: Codable, Hashable, Sendable {
  /// Five fields as in crontab(5): minute, hour, day of the month, month, day of the week.
  public var cron: String

  /// What it is called in lists.
  public var name: String
  public var job: JobRequest

  /// Whether every run gets a seed of its own; otherwise that of the scenario.
  public var freshSeed: Bool

  public init(cron: String, name: String, job: JobRequest, freshSeed: Bool = true) {
    self.cron = cron
    self.name = name
    self.job = job
    self.freshSeed = freshSeed
  }

  enum CodingKeys: String, CodingKey {
    case cron, name, job
    case freshSeed = "fresh_seed"
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      cron: try values.decode(String.self, forKey: .cron),
      name: try values.decode(String.self, forKey: .name),
      job: try values.decode(JobRequest.self, forKey: .job),
      freshSeed: try values.decodeIfPresent(Bool.self, forKey: .freshSeed) ?? true)
  }
}

/// A schedule that is stored.
public struct Schedule: Codable, Hashable, Sendable {
  public var id: Int
  public var request: ScheduleRequest

  /// When it is due next, in nanoseconds since the Unix epoch.
  ///
  /// Fields of the expression are in the daemon's local time zone.
  public var nextUnixNanoseconds: Int?

  /// When it last submitted a job, and which.
  public var lastUnixNanoseconds: Int?
  public var lastJob: Int?

  public init(
    id: Int, request: ScheduleRequest, nextUnixNanoseconds: Int? = nil,
    lastUnixNanoseconds: Int? = nil, lastJob: Int? = nil
  ) {
    self.id = id
    self.request = request
    self.nextUnixNanoseconds = nextUnixNanoseconds
    self.lastUnixNanoseconds = lastUnixNanoseconds
    self.lastJob = lastJob
  }

  enum CodingKeys: String, CodingKey {
    case id, request
    case nextUnixNanoseconds = "next_unix_ns"
    case lastUnixNanoseconds = "last_unix_ns"
    case lastJob = "last_job"
  }
}
