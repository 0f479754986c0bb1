// The daemon without its sockets: every question that a client can ask.

public import Reports

/// What the HTTP server answers from.
///
/// `DaemonJobs` has the real one; tests of the server have their own. No function blocks its thread.
public protocol DaemonService: Sendable {
  /// Answered from memory, whatever the store is doing.
  func status() async -> DaemonStatus

  /// nil when jobs can be taken and run; otherwise a sentence that says why not.
  func obstacle() async -> String?

  /// Stores a job, and only then returns.
  ///
  /// - Parameters:
  ///   - request: What to run.
  ///   - client: Whose turn it takes.
  ///   - key: A repeated submission of this client under one key is the first one.
  /// - Returns: The job, and whether it was there before.
  /// - Throws: Why it is not taken; then nothing is stored.
  func submit(
    _ request: JobRequest, client: String, key: String?
  ) async throws(Refusal) -> Submission

  func job(_ id: Int) async throws(Refusal) -> Job
  func jobs(_ filter: JobFilter) async throws(Refusal) -> JobPage
  func act(_ action: JobAction, job id: Int) async throws(Refusal) -> Job

  /// Tells what happens to a job, from its present state to its end; ends with it.
  ///
  /// One who reads too slowly misses what is oldest, and never the last state.
  func updates(job id: Int) async throws(Refusal) -> AsyncStream<JobUpdate>

  /// Holds or releases all jobs that have not begun.
  func setQueuePaused(_ paused: Bool) async throws(Refusal) -> DaemonStatus

  /// The stored events after one, oldest first.
  func events(after seq: Int, limit: Int) async throws(Refusal) -> EventPage

  /// The stored events after one, and then those that come; ends when the daemon stops.
  func eventStream(after seq: Int) async throws(Refusal) -> AsyncStream<DaemonEvent>

  /// The report of a stored session, by the beginning of its UUID.
  func session(_ prefix: String) async throws(Refusal) -> RunReport

  func schedules() async throws(Refusal) -> [Schedule]
  func addSchedule(_ request: ScheduleRequest) async throws(Refusal) -> Schedule
  func removeSchedule(_ id: Int) async throws(Refusal)

  /// A dump of the whole state, as lines for people.
  func dump() async -> String
}
