// Submitting, listing, changing and watching jobs.

import BenchmarkRunner
public import DaemonAPI
import Metrics
public import Reports
import ResultStore

extension JobService {
  public func submit(
    _ request: JobRequest, client: String, key: String?
  ) async throws(Refusal) -> Submission {
    try await submit(request, client: client, key: key, schedule: nil)
  }

  func submit(
    _ request: JobRequest, client: String, key: String?, schedule: Int?
  ) async throws(Refusal) -> Submission {
    guard !isDraining else {
      throw Refusal(
        .draining, "the daemon is stopping; ask again when it is back", retryAfterSeconds: 5)
    }
    try await check(request)
    let (limit, now) = (configuration.queueLimit, setting.now())
    let stored: (submission: Submission, event: DaemonEvent?)
    do {
      stored = try await keeper.use { store throws(StoreError) in
        try store.submit(
          request, client: client, key: key, schedule: schedule, limit: limit, at: now)
      }
    } catch {
      throw Refusal(error)
    }
    tell(stored.event)
    if !stored.submission.repeated {
      Counter(label: "greenbench_jobs_submitted").increment()
      let wasEmpty = queue.isEmpty
      queue.put(stored.submission.job)
      dispatch()
      // The alarm was set when nobody waited for anything.
      if wasEmpty { setAlarm() }
    }
    return stored.submission
  }

  private func check(_ request: JobRequest) async throws(Refusal) {
    let priorities = DaemonProtocol.priorities
    guard priorities.contains(request.priority) else {
      throw Refusal(
        .malformed,
        "priority is \(request.priority); choose from \(priorities.lowerBound) to "
          + "\(priorities.upperBound)")
    }
    if let seconds = request.timeBudgetSeconds, !(seconds > 0 && seconds <= 1e6) {
      throw Refusal(
        .malformed, "time_budget_s is \(seconds); give seconds, more than 0 and at most 1000000")
    }
    if let quiet = request.quiet {
      guard (0...100).contains(quiet.pressurePercentMax), (0...1e7).contains(quiet.deadlineSeconds)
      else {
        throw Refusal(.malformed, "quiet is out of range; give a percentage and seconds")
      }
      guard setting.pressurePercent() != nil else {
        throw Refusal(
          .malformed,
          "this kernel does not tell its pressure; submit without waiting for quiet")
      }
    }
    // Before the first worker has said what it has, the run itself finds out.
    guard let hello = await supervisor.hello else { return }
    do {
      try BenchmarkRunner.check(request.scenario, with: hello)
    } catch {
      throw Refusal(.scenario, error.description)
    }
  }

  public func job(_ id: Int) async throws(Refusal) -> Job {
    if let job = queue.job(id) { return job }
    let found: Job?
    do {
      found = try await keeper.use { store throws(StoreError) in try store.job(id) }
    } catch {
      throw Refusal(error)
    }
    guard let found else { throw Self.noJob(id) }
    return found
  }

  static func noJob(_ id: Int) -> Refusal {
    Refusal(.notFound, "there is no job \(id); see `greenbench queue ls`")
  }

  public func jobs(_ filter: JobFilter) async throws(Refusal) -> JobPage {
    do {
      return try await keeper.use { store throws(StoreError) in try store.jobs(filter) }
    } catch {
      throw Refusal(error)
    }
  }

  public func session(_ prefix: String) async throws(Refusal) -> RunReport {
    do {
      return try await keeper.use { store throws(StoreError) in try store.report(prefix) }
    } catch {
      throw Refusal(error)
    }
  }

  public func act(_ action: JobAction, job id: Int) async throws(Refusal) -> Job {
    guard var job = queue.job(id) else {
      let known = try await self.job(id)
      throw Refusal(.conflict, "job \(id) is \(known.state.rawValue); nothing can be done to it")
    }
    if let running, running.id == id { return try await act(action, running: running, job) }
    switch (action, job.state) {
    case (.cancel, _):
      job.state = .cancelled
      job.reason = "cancelled before it ran"
      job.exit = 130
      job.endedUnixNanoseconds = timeOfEnd(job)
    case (.pause, .queued):
      job.state = .paused
      job.reason = nil
    // As it was put aside in the middle of a run or before it: it begins anew.
    case (.resume, .paused):
      job.state = .queued
      job.reason = nil
    default:
      throw Refusal(.conflict, "job \(id) is \(job.state.rawValue) already; leave it as it is")
    }
    let kind: DaemonEvent.Kind =
      switch action {
      case .cancel: .jobEnded
      case .pause: .jobPaused
      case .resume: .jobResumed
      }
    try await change(to: job, (kind, "somebody asked: \(action.rawValue)"))
    dispatch()
    return job
  }

  private func act(
    _ action: JobAction, running: RunningJob, _ job: Job
  ) async throws(Refusal) -> Job {
    guard !running.isOver else {
      throw Refusal(.conflict, "job \(job.id) has run and is being stored; look at it again")
    }
    var job = job
    let kind: DaemonEvent.Kind
    switch (action, job.state) {
    case (.cancel, _):
      running.stop(.cancelled)
      job.reason = "is being cancelled"
      queue.put(job)
      return job
    case _ where running.stop == .cancelled:
      throw Refusal(.conflict, "job \(job.id) is being cancelled; submit it again")
    // Queued here: paused and resumed, while its run has not ended yet.
    case (.pause, .running), (.pause, .queued):
      job.state = .paused
      job.reason = "was paused while it ran; begins anew when it is resumed"
      job.startedUnixNanoseconds = nil
      kind = .jobPaused
    case (.resume, .paused):
      job.state = .queued
      job.reason = "was paused while it ran; begins anew"
      kind = .jobResumed
    default:
      throw Refusal(.conflict, "job \(job.id) is \(job.state.rawValue) already; leave it as it is")
    }
    try await change(to: job, (kind, "somebody asked: \(action.rawValue)"))
    // After the store has it: a pause that is refused costs nobody a run.
    if kind == .jobPaused { running.stop(.paused) }
    return job
  }

  /// Takes a change on in memory first, so that nobody acts on the old state meanwhile.
  private func change(
    to job: Job, _ event: (kind: DaemonEvent.Kind, message: String)
  ) async throws(Refusal) {
    guard var old = queue.job(job.id) else { throw Self.noJob(job.id) }
    if job.state.isFinal { _ = queue.remove(job.id) } else { queue.put(job) }
    let now = setting.now()
    do {
      tell(
        try await keeper.use { store throws(StoreError) in
          try store.save(job, record: nil, event: event, at: now)
        })
    } catch {
      // What has become of the job meanwhile, as at the end of its run, is newer than both.
      if old.state == .running, running?.id != old.id {
        old.state = .queued
        old.startedUnixNanoseconds = nil
      }
      if job.state.isFinal || queue.job(job.id) == job { queue.put(old) }
      throw Refusal(error)
    }
    watchersTell(job)
  }

  public func setQueuePaused(_ paused: Bool) async throws(Refusal) -> DaemonStatus {
    let now = setting.now()
    do {
      tell(
        try await keeper.use { store throws(StoreError) in
          try store.setQueuePaused(paused, at: now)
        })
    } catch {
      throw Refusal(error)
    }
    isQueuePaused = paused
    dispatch()
    return await status()
  }

  // MARK: Watching

  public func updates(job id: Int) async throws(Refusal) -> AsyncStream<JobUpdate> {
    let job = try await job(id)
    // Between the store's answer and now it may have come to its end, or back into the queue.
    let now = queue.job(id) ?? job
    guard queue.job(id) != nil, !now.state.isFinal else {
      let ended = now.state.isFinal ? now : try await self.job(id)
      let (stream, told) = AsyncStream.makeStream(of: JobUpdate.self)
      told.yield(.state(ended))
      told.finish()
      return stream
    }
    var first = [JobUpdate.state(now)]
    if let running, running.id == id, let progress = running.progress {
      first.append(.progress(progress))
    }
    return watchersOf(id).add(first: first)
  }

  func watchersOf(_ id: Int) -> Watchers<JobUpdate> {
    if let known = watchers[id] { return known }
    let fresh = Watchers<JobUpdate>()
    watchers[id] = fresh
    return fresh
  }

  /// Tells a job's watchers how it stands, and lets them go when it is done.
  func watchersTell(_ job: Job) {
    guard let found = watchers[job.id] else { return }
    found.tell(.state(job))
    guard job.state.isFinal else { return }
    found.finish()
    watchers[job.id] = nil
  }
}
