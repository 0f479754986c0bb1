// A daemon that only remembers what it was asked.

import DaemonAPI
import Reports
import Synchronization

final class FakeService: DaemonService, Sendable {
  struct State {
    var jobs: [Job] = []
    var keys: [String: Int] = [:]
    var schedules: [Schedule] = []
    var isPaused = false
    var obstacle: String?

    /// Its end is waited for before a status is told.
    var silence: AsyncStream<Void>?
    var streams: [AsyncStream<JobUpdate>.Continuation] = []
    var eventStreams: [AsyncStream<DaemonEvent>.Continuation] = []

    /// What was asked for, in order.
    var asked: [String] = []
  }

  let state = Mutex(State())

  /// The padding of a session's report, in bytes.
  let noteBytes: Int

  init(noteBytes: Int = 0) {
    self.noteBytes = noteBytes
  }

  func isAsked(_ question: String) -> Bool {
    state.withLock { $0.asked.contains(question) }
  }

  func status() async -> DaemonStatus {
    if let silence = state.withLock({ $0.silence }) {
      for await _ in silence {}
    }
    let (queued, isPaused) = state.withLock { ($0.jobs.count, $0.isPaused) }
    return DaemonStatus(
      pid: 42, state: isPaused ? .paused : .idle,
      queue: .init(queued: queued, paused: 0, running: nil, limit: 1000),
      workers: [.init(pid: 43, state: .idle, restarts: 1, groups: 2)], uptimeSeconds: 1.5,
      version: "9.9.9", commit: "abc", store: "/store.sqlite", lastEvent: 7,
      memory: .init(residentBytes: 1 << 20, descriptors: 9))
  }

  func obstacle() async -> String? { state.withLock { $0.obstacle } }

  func submit(
    _ request: JobRequest, client: String, key: String?
  ) async throws(Refusal) -> Submission {
    if request.scenario.workload == "none" {
      throw Refusal(.scenario, "there is no workload \"none\"; there are ping-pong, ring")
    }
    if request.scenario.workload == "full" {
      throw Refusal(.queueFull, "1000 jobs wait; try again later", retryAfterSeconds: 7)
    }
    return state.withLock { state in
      state.asked.append("submit by \(client)")
      if let key, let id = state.keys[client + key] {
        return Submission(job: state.jobs[id - 1], repeated: true)
      }
      let job = Job(
        id: state.jobs.count + 1, client: client, request: request, submittedUnixNanoseconds: 1)
      state.jobs.append(job)
      if let key { state.keys[client + key] = job.id }
      return Submission(job: job, repeated: false)
    }
  }

  func job(_ id: Int) async throws(Refusal) -> Job {
    guard let job = state.withLock({ $0.jobs.first { $0.id == id } }) else {
      throw Refusal(.notFound, "there is no job \(id); see `greenbench queue ls`")
    }
    return job
  }

  func jobs(_ filter: JobFilter) async throws(Refusal) -> JobPage {
    state.withLock { state in
      state.asked.append(
        "jobs \(filter.states.map(\.rawValue).sorted()) \(filter.client ?? "-") "
          + "\(filter.before ?? 0) \(filter.limit)")
      return JobPage(jobs: Array(state.jobs.reversed().prefix(filter.limit)), next: nil)
    }
  }

  func act(_ action: JobAction, job id: Int) async throws(Refusal) -> Job {
    var job = try await job(id)
    state.withLock { $0.asked.append("\(action.rawValue) \(id)") }
    switch action {
    case .cancel: job.state = .cancelled
    case .pause: job.state = .paused
    case .resume: throw Refusal(.conflict, "job \(id) is not paused; pause it first")
    }
    return job
  }

  func updates(job id: Int) async throws(Refusal) -> AsyncStream<JobUpdate> {
    let job = try await job(id)
    let (stream, continuation) = AsyncStream.makeStream(of: JobUpdate.self)
    continuation.yield(.state(job))
    state.withLock { $0.streams.append(continuation) }
    return stream
  }

  func setQueuePaused(_ paused: Bool) async throws(Refusal) -> DaemonStatus {
    state.withLock { $0.isPaused = paused }
    return await status()
  }

  func events(after seq: Int, limit: Int) async throws(Refusal) -> EventPage {
    EventPage(
      events: [
        DaemonEvent(
          seq: seq + 1, at: "2026-01-01T00:00:00.000Z", kind: .jobStarted, job: 3,
          message: "it began")
      ],
      next: seq + 1)
  }

  func eventStream(after seq: Int) async throws(Refusal) -> AsyncStream<DaemonEvent> {
    let (stream, continuation) = AsyncStream.makeStream(of: DaemonEvent.self)
    continuation.yield(
      DaemonEvent(seq: seq + 1, at: "2026-01-01T00:00:00.000Z", kind: .jobStarted, message: "first")
    )
    state.withLock { $0.eventStreams.append(continuation) }
    return stream
  }

  func session(_ prefix: String) async throws(Refusal) -> RunReport {
    guard prefix == "7f3a" else {
      throw Refusal(.notFound, "no stored session is called \"\(prefix)\"; see `greenbench list`")
    }
    return RunReport(
      session: "7f3a0c12", seed: 1, environment: [:], verdict: .ok, exit: 0, rows: [],
      notes: [String(repeating: "x", count: noteBytes)])
  }

  func schedules() async throws(Refusal) -> [Schedule] { state.withLock { $0.schedules } }

  func addSchedule(_ request: ScheduleRequest) async throws(Refusal) -> Schedule {
    if request.cron == "never" {
      throw Refusal(.malformed, "a time has five fields, this one 1; write five")
    }
    return state.withLock { state in
      let schedule = Schedule(id: state.schedules.count + 1, request: request)
      state.schedules.append(schedule)
      return schedule
    }
  }

  func removeSchedule(_ id: Int) async throws(Refusal) {
    guard state.withLock({ $0.schedules.contains { $0.id == id } }) else {
      throw Refusal(.notFound, "there is no schedule \(id); see `greenbench schedule ls`")
    }
  }

  func dump() async -> String { "state of everything" }
}
