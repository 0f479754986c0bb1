// Which job runs when, and what becomes of it.

import BenchmarkRunner
import DaemonAPI
import Logging
import Metrics
import Reports
import ResultStore
import Threads

extension JobService {
  /// Starts the next job if one may run.
  func dispatch() {
    guard running == nil, !isDraining else { return }
    holding = hold()
    guard holding == nil else { return }
    var reasons: [Int: String] = [:]
    let standard = configuration.quiet
    let wantsQuiet = standard != nil || queue.wantsQuiet
    let pressure = wantsQuiet ? setting.pressurePercent() : nil
    let job = queue.next { job in
      guard let quiet = job.request.quiet ?? standard, let pressure else { return true }
      if pressure <= quiet.pressurePercentMax { return true }
      reasons[job.id] =
        "waits for quiet: tasks waited for a CPU in \(Int(pressure.rounded())) % of the last "
        + "10 s, and \(Int(quiet.pressurePercentMax.rounded())) % are allowed"
      return false
    }
    if let job {
      begin(job)
    } else {
      waitForQuiet(reasons)
    }
  }

  private func hold() -> String? {
    if isQueuePaused { return "the queue is paused; resume it with `greenbench daemon resume`" }
    if configuration.quietHours?.contains(at: setting.now(), in: setting.timeZone()) == true {
      return "these are quiet hours"
    }
    return nil
  }

  // MARK: Waiting for quiet

  private func waitForQuiet(_ reasons: [Int: String]) {
    let now = setting.steady()
    quietSince = quietSince.filter { reasons[$0.key] != nil }
    guard !reasons.isEmpty else { return }
    holding = "all jobs wait for quiet"
    for (id, reason) in reasons {
      guard var job = queue.job(id), let quiet = job.request.quiet ?? configuration.quiet
      else { continue }
      let since = quietSince[id] ?? now
      quietSince[id] = since
      if Double(now - since) / 1e9 >= quiet.deadlineSeconds {
        expire(job)
      } else if job.reason != reason {
        job.reason = reason
        queue.put(job)
        watchersTell(job)
      }
    }
    setAlarm()
  }

  private func expire(_ job: Job) {
    var job = job
    quietSince[job.id] = nil
    job.state = .expired
    job.reason = "the machine did not become quiet in time"
    job.exit = 9
    job.endedUnixNanoseconds = timeOfEnd(job)
    let ended = job
    // Out of the queue at once, or it would expire again before it is stored.
    _ = queue.remove(job.id)
    Task { await self.store(ended, record: nil) }
  }

  // MARK: Running

  private func begin(_ job: Job) {
    let run = RunningJob(id: job.id, began: setting.steady(), watchers: watchersOf(job.id))
    running = run
    quietSince[job.id] = nil
    queue.serve(job.client)
    var job = job
    job.state = .running
    job.reason = nil
    job.startedUnixNanoseconds = max(setting.now(), job.submittedUnixNanoseconds)
    // At once: who asks for something from now on asks it of a running job.
    queue.put(job)
    Task { await self.perform(run) }
  }

  private func perform(_ run: RunningJob) async {
    guard var job = queue.job(run.id) else { preconditionFailure("a running job is in the queue") }
    guard await announce(job) else { return await putBack(run) }
    // Somebody may have paused it meanwhile, and have told so.
    watchersTell(queue.job(job.id) ?? job)
    let began = job.startedUnixNanoseconds
    let outcome: Result<SessionRecord, RunnerError>
    do {
      outcome = .success(try await measure(job, run))
    } catch {
      outcome = .failure(error)
    }
    run.end()
    job = queue.job(job.id) ?? job
    // The store has it as paused already, or as queued again: nothing of this run is kept.
    if run.stop == .paused, !Self.isComplete(outcome) { return release(nextAfterTrouble: false) }
    // A pause that came too late took the time of its start away.
    job.startedUnixNanoseconds = began
    let (ended, record) = conclude(job, run, outcome)
    await store(ended, record: record)
    release(nextAfterTrouble: false)
  }

  private static func isComplete(_ outcome: Result<SessionRecord, RunnerError>) -> Bool {
    if case .success(let record) = outcome { record.report.exit == 0 } else { false }
  }

  /// Takes back that a job begins: nothing runs of which the store does not know.
  private func putBack(_ run: RunningJob) async {
    run.end()
    guard var job = queue.job(run.id) else { return release(nextAfterTrouble: true) }
    job.startedUnixNanoseconds = nil
    // What somebody was promised meanwhile holds.
    if run.stop == .cancelled {
      job.state = .cancelled
      job.reason = "cancelled before it ran"
      job.exit = 130
      job.endedUnixNanoseconds = timeOfEnd(job)
      await store(job, record: nil)
    } else {
      // A pause holds.
      if job.state == .running { job.state = .queued }
      queue.put(job)
    }
    release(nextAfterTrouble: true)
  }

  /// Stores that a job begins; false when the store does not take it.
  private func announce(_ job: Job) async -> Bool {
    let now = setting.now()
    do {
      tell(
        try await keeper.use { store throws(StoreError) in
          try store.save(
            job, record: nil, event: (.jobStarted, job.request.scenario.workload), at: now)
        })
      trouble = nil
      return true
    } catch {
      meet(error, job.id)
      return false
    }
  }

  private func measure(
    _ job: Job, _ run: RunningJob
  ) async throws(RunnerError) -> SessionRecord {
    let supervisor = supervisor
    let clocks = Clocks(wall: setting.now, steady: setting.steady)
    let runner = BenchmarkRunner(clocks: clocks) { await supervisor.lend() }
    let line =
      job.request.commandLine.isEmpty ? "job \(job.id) of the daemon" : job.request.commandLine
    let budget = job.request.timeBudgetSeconds.map { Duration.seconds($0) }
    var scenario = job.request.scenario
    if scenario.seed == 0 { scenario.seed = Scenario.randomSeed() }
    return try await runner.run(
      scenario, commandLine: line, source: setting.source,
      hooks: run.hooks(timeBudget: budget))
  }

  /// What a job has become, and the session that is to be stored with it.
  private func conclude(
    _ job: Job, _ run: RunningJob, _ outcome: Result<SessionRecord, RunnerError>
  ) -> (Job, SessionRecord?) {
    var job = job
    job.reason = nil
    job.endedUnixNanoseconds = timeOfEnd(job, began: run.began)
    switch (outcome, run.stop) {
    // Stopped too late: all of it was measured.
    case (.success(let record), let stop) where stop == nil || Self.isComplete(outcome):
      job.state = .done
      job.session = record.report.session
      job.exit = record.report.exit
      return (job, record)
    case (.success(let record), .cancelled):
      job.state = .cancelled
      job.reason = "cancelled while it ran; what was complete is stored"
      job.session = record.report.session
      job.exit = 130
      return (job, record)
    // A worker that was killed at the drain's deadline is no failure of its row.
    case (.success(let record), _):
      return interrupted(job, record)
    case (.failure, .draining):
      return interrupted(job, nil)
    case (.failure(let error), let stop):
      job.state = stop == nil ? .failed : .cancelled
      job.reason = error.description
      job.exit = stop == nil ? error.exitCode : 130
      return (job, nil)
    }
  }

  /// The daemon stops in the middle of a job.
  private func interrupted(
    _ job: Job, _ record: SessionRecord?
  ) -> (Job, SessionRecord?) {
    var job = job
    job.interruptions += 1
    // One that somebody is pausing at this moment begins anew only when it is resumed.
    if job.request.resumes || job.state == .paused {
      if job.state == .running { job.state = .queued }
      job.reason = "the daemon stopped in the middle of it; begins anew"
      job.startedUnixNanoseconds = nil
      job.endedUnixNanoseconds = nil
      return (job, nil)
    }
    job.state = .interrupted
    job.reason = "the daemon stopped in the middle of it; submit it again"
    job.session = record?.report.session
    job.exit = 130
    return (job, record)
  }

  /// Stores what became of a job, however long that takes: nothing that was measured is dropped.
  ///
  /// Only what the store will never take is: then the job has failed, and says why.
  private func store(_ job: Job, record: SessionRecord?) async {
    var (job, record) = (job, record)
    var backOff = BackOff(first: .seconds(1), longest: .seconds(30))
    while true {
      let (now, changed, measured) = (setting.now(), job, record)
      let event: (kind: DaemonEvent.Kind, message: String) =
        job.state.isFinal
        ? (.jobEnded, Self.sentence(about: job)) : (.jobRequeued, job.reason ?? "")
      do {
        tell(
          try await keeper.use { store throws(StoreError) in
            try store.save(changed, record: measured, event: event, at: now)
          })
        trouble = nil
        break
      } catch {
        meet(error, job.id)
        if record != nil, !error.mayPass {
          record = nil
          job.state = .failed
          job.session = nil
          job.exit = error.exitCode
          job.reason = "what was measured could not be stored: \(error)"
          continue
        }
        // A job that the store does not know any more: there is nothing to write.
        if !error.mayPass { break }
        // A daemon that is to end does not wait for a store: the next one finds the job running.
        if isDraining { return }
        let wait = max(backOff.failed(), .milliseconds(100))
        // Nobody cancels this task.
        try? await Alarm.sleep(for: wait)
      }
    }
    if job.state.isFinal {
      _ = queue.remove(job.id)
      jobsDone += 1
      Counter(label: "greenbench_jobs_ended", dimensions: [("state", job.state.rawValue)])
        .increment()
    } else {
      queue.put(job)
    }
    watchersTell(job)
  }

  private static func sentence(about job: Job) -> String {
    var words = job.state.rawValue
    if let exit = job.exit { words += ", exit \(exit)" }
    if let session = job.session { words += ", session \(session)" }
    if let reason = job.reason { words += ": \(reason)" }
    return words
  }

  private func meet(_ error: StoreError, _ job: Int) {
    trouble = error.description
    logger.error("the store took nothing", metadata: ["job": "\(job)", "error": "\(error)"])
    Counter(label: "greenbench_store_failures").increment()
  }

  private func release(nextAfterTrouble: Bool) {
    running = nil
    wakeIdle()
    // After trouble with the store the alarm tries again, not this loop.
    if nextAfterTrouble { setAlarm() } else { dispatch() }
  }
}
