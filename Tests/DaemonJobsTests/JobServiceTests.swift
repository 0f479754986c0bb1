// The daemon without its sockets, with workers in memory and a store in a file.

import DaemonAPI
import Executor
import Foundation
import Reports
import ResultStore
import Testing

@testable import DaemonJobs

@Suite("The daemon's jobs")
struct JobServiceTests {
  static func request(
    client: String? = nil, priority: Int = 0, blocks: Int = 2, resumes: Bool = true,
    quiet: QuietCondition? = nil
  ) -> JobRequest {
    JobRequest(
      scenario: Scenario(
        workload: "ping-pong", backends: ["native"], blocks: blocks, batchesPerVisit: 1, seed: 7),
      client: client, priority: priority, resumes: resumes, quiet: quiet)
  }

  /// Waits for a job's end.
  func end(_ service: JobService, _ id: Int) async throws -> Job {
    var last: Job?
    for await update in try await service.updates(job: id) {
      if case .state(let job) = update { last = job }
    }
    return try #require(last)
  }

  @Test("A job runs, and its session is stored with it")
  func runs() async throws {
    let lab = try await Laboratory()
    let submission = try await lab.service.submit(Self.request(), client: "me", key: nil)
    #expect(submission.job.state == .queued)
    let job = try await end(lab.service, submission.job.id)
    #expect(job.state == .done)
    #expect(job.exit == 0)
    let report = try await lab.service.session(try #require(job.session))
    #expect(report.rows.map(\.status) == [.ok])
    #expect(report.rows[0].blocks == 2)
    #expect(try await lab.service.job(job.id) == job)
    let kinds = try await lab.service.events(after: 0, limit: 100).events.map(\.kind)
    #expect(
      kinds.filter { $0.rawValue.hasPrefix("job") } == [.jobSubmitted, .jobStarted, .jobEnded])
  }

  @Test("The same key is the same job; another request under it is refused")
  func idempotent() async throws {
    let lab = try await Laboratory()
    let first = try await lab.service.submit(Self.request(), client: "me", key: "k")
    _ = try await end(lab.service, first.job.id)
    let again = try await lab.service.submit(Self.request(), client: "me", key: "k")
    #expect(again.repeated)
    #expect(again.job.id == first.job.id)
    #expect(again.job.state == .done)
    let error = await #expect(throws: Refusal.self) {
      try await lab.service.submit(Self.request(blocks: 3), client: "me", key: "k")
    }
    #expect(error?.code == .conflict)
  }

  @Test("A full queue refuses, and takes again when there is room")
  func full() async throws {
    let lab = try await Laboratory { $0.queueLimit = 2 }
    lab.stage.hold()
    let first = try await lab.service.submit(Self.request(), client: "me", key: nil)
    _ = try await lab.service.submit(Self.request(), client: "me", key: nil)
    let error = await #expect(throws: Refusal.self) {
      try await lab.service.submit(Self.request(), client: "me", key: nil)
    }
    #expect(error?.code == .queueFull)
    lab.stage.letGo()
    _ = try await end(lab.service, first.job.id)
    _ = try await lab.service.submit(Self.request(), client: "me", key: nil)
  }

  @Test("What the worker does not have is refused before it waits")
  func unknown() async throws {
    let lab = try await Laboratory()
    var request = Self.request()
    request.scenario.workload = "pingpong"
    let wrong = request
    let error = await #expect(throws: Refusal.self) {
      try await lab.service.submit(wrong, client: "me", key: nil)
    }
    #expect(error == Refusal(.scenario, "unknown workload pingpong; did you mean ping-pong?"))
  }

  @Test("A running job is cancelled; what was complete is stored")
  func cancelRunning() async throws {
    let lab = try await Laboratory()
    lab.stage.hold()
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    try await lab.untilMeasuring()
    _ = try await lab.service.act(.cancel, job: job.id)
    lab.stage.letGo()
    let ended = try await end(lab.service, job.id)
    #expect(ended.state == .cancelled)
    #expect(ended.exit == 130)
    #expect(try await lab.service.session(try #require(ended.session)).verdict == .interrupted)
  }

  @Test("A worker that dies costs its row; the job is done and the next one runs")
  func crash() async throws {
    let lab = try await Laboratory()
    lab.stage.change { $0.trouble = [.crashed(.signalled(11))] }
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    let ended = try await end(lab.service, job.id)
    #expect(ended.state == .done)
    #expect(ended.exit == 3)
    let row = try await lab.service.session(try #require(ended.session)).rows[0]
    #expect(row.status == .crashed)
    #expect(row.failure?.contains("signal 11 (SIGSEGV)") == true)
    let next = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    #expect(try await end(lab.service, next.id).exit == 0)
  }

  @Test("What a killed daemon left begins anew, and is given up after so many times")
  func recovers() async throws {
    let lab = try await Laboratory()
    _ = try await lab.service.setQueuePaused(true)
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    let single = try await lab.service.submit(Self.request(resumes: false), client: "me", key: nil)
      .job
    for round in 1...4 {
      for id in [job.id, single.id] {
        var running = try await lab.service.job(id)
        if running.state.isFinal { continue }
        running.state = .running
        _ = try lab.store.save(running, record: nil, event: nil, at: round)
      }
      try await lab.restart()
      let now = try await lab.service.job(job.id)
      #expect(now.interruptions == round)
      #expect(now.state == (round <= JobService.interruptionsMax ? .queued : .interrupted))
      #expect(try await lab.service.job(single.id).state == .interrupted)
    }
  }

  @Test("A paused queue stays paused over a restart")
  func staysPaused() async throws {
    let lab = try await Laboratory()
    _ = try await lab.service.setQueuePaused(true)
    try await lab.restart()
    #expect(await lab.service.status().state == .paused)
  }

  @Test("Draining ends a run at its next request, and the next daemon begins it anew")
  func drains() async throws {
    let lab = try await Laboratory()
    lab.stage.hold()
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    try await lab.untilMeasuring()
    let service = lab.service
    async let drained: Void = service.drain(deadline: .seconds(60))
    while await lab.service.status().state != .draining { await Task.yield() }
    let error = await #expect(throws: Refusal.self) {
      try await lab.service.submit(Self.request(), client: "me", key: nil)
    }
    #expect(error?.code == .draining)
    lab.stage.letGo()
    await drained
    #expect(try lab.store.job(job.id)?.state == .queued)
    try await lab.restart(drained: true)
    #expect(try await end(lab.service, job.id).state == .done)
  }

  @Test("A worker that does not answer is killed at the drain's deadline")
  func drainDeadline() async throws {
    let lab = try await Laboratory()
    lab.stage.hold()
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    try await lab.untilMeasuring()
    // The fake's question hangs until its worker is stopped.
    let service = lab.service
    async let drained: Void = service.drain(deadline: .zero)
    while await lab.stage.launched[0].pid != nil { await Task.yield() }
    lab.stage.letGo()
    await drained
    #expect(try lab.store.job(job.id)?.state == .queued)
  }

  @Test("A job that wants quiet waits, lets others pass, and expires")
  func quiet() async throws {
    let lab = try await Laboratory()
    lab.pressure.store(50)
    let wants = try await lab.service.submit(
      Self.request(quiet: QuietCondition(pressurePercentMax: 10, deadlineSeconds: 60)),
      client: "me", key: nil
    ).job
    let other = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    #expect(try await end(lab.service, other.id).state == .done)
    let waiting = try await lab.service.job(wants.id)
    #expect(waiting.state == .queued)
    #expect(waiting.reason?.contains("50 %") == true)
    lab.pressure.store(5)
    await lab.service.tick()
    #expect(try await end(lab.service, wants.id).state == .done)

    lab.pressure.store(50)
    let late = try await lab.service.submit(
      Self.request(quiet: QuietCondition(pressurePercentMax: 10, deadlineSeconds: 60)),
      client: "me", key: nil
    ).job
    lab.clock.advance(seconds: 61)
    await lab.service.tick()
    #expect(try await end(lab.service, late.id).state == .expired)
  }

  @Test("In quiet hours nothing starts")
  func quietHours() async throws {
    let hours = try #require(QuietHours("00:00-01:00"))
    let lab = try await Laboratory { $0.quietHours = hours }
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    #expect(await lab.service.status().queue.holding == "these are quiet hours")
    lab.clock.advance(seconds: 3600)
    await lab.service.tick()
    #expect(try await end(lab.service, job.id).state == .done)
  }

  @Test("A schedule submits its job once a time, and one that is late is left out")
  func schedules() async throws {
    let lab = try await Laboratory()
    let schedule = try await lab.service.addSchedule(
      ScheduleRequest(cron: "0 3 * * *", name: "nightly", job: Self.request()))
    #expect(schedule.nextUnixNanoseconds == 3 * 3600 * 1_000_000_000)
    lab.clock.advance(seconds: 3 * 3600)
    await lab.service.tick()
    await lab.service.tick()
    let job = try #require(try await lab.service.jobs(JobFilter()).jobs.first)
    #expect(job.schedule == schedule.id)
    #expect(try await end(lab.service, job.id).state == .done)
    #expect(try await lab.service.jobs(JobFilter()).jobs.count == 1)
    try await lab.restart()
    #expect(try await lab.service.schedules().first?.lastJob == job.id)
    lab.clock.advance(seconds: 2 * 86400 + 3600)
    await lab.service.tick()
    #expect(try await lab.service.jobs(JobFilter()).jobs.count == 1)
    #expect(
      try await lab.service.events(after: 0, limit: 1000).events.last?.kind == .scheduleMissed)
    try await lab.service.removeSchedule(schedule.id)
    #expect(try await lab.service.schedules().isEmpty)
  }

  @Test("The event stream has what is stored and what comes")
  func eventStream() async throws {
    let lab = try await Laboratory()
    var events = try await lab.service.eventStream(after: 0).makeAsyncIterator()
    #expect(await events.next()?.kind == .daemonStarted)
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    var seen: [DaemonEvent.Kind] = []
    while let event = await events.next() {
      seen.append(event.kind)
      if event.kind == .jobEnded { break }
    }
    #expect(seen.filter { $0 != .workerStarted } == [.jobSubmitted, .jobStarted, .jobEnded])
    #expect(job.id == 1)
  }

  @Test("A daemon samples itself")
  func samples() async throws {
    let lab = try await Laboratory()
    lab.clock.advance(seconds: 301)
    await lab.service.tick()
    let samples = try lab.store.samples(since: 0)
    #expect(samples.count == 2)
    #expect(samples.allSatisfy { $0.residentBytes > 0 && $0.descriptors > 0 })
  }

  @Test("With nothing waiting, a daemon sleeps until its next sample")
  func sleepsLong() async throws {
    let lab = try await Laboratory()
    #expect(await lab.service.untilNext() == .seconds(300))
    lab.clock.advance(seconds: 100)
    #expect(await lab.service.untilNext() == .seconds(200))
    let schedule = try await lab.service.addSchedule(
      ScheduleRequest(cron: "0 3 * * *", name: "nightly", job: Self.request()))
    #expect(await lab.service.untilNext() == .seconds(60))
    try await lab.service.removeSchedule(schedule.id)
    _ = try await lab.service.setQueuePaused(true)
    _ = try await lab.service.submit(Self.request(), client: "me", key: nil)
    #expect(await lab.service.untilNext() == .seconds(60))
  }

  @Test("A store that takes nothing stops the daemon from running, and loses nothing")
  func trouble() async throws {
    let lab = try await Laboratory()
    lab.stage.hold()
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    try await lab.untilMeasuring()
    let holder = try lab.holdStore()
    lab.stage.letGo()
    while await lab.service.status().state != .degraded { await Task.yield() }
    #expect(await lab.service.obstacle()?.isEmpty == false)
    try holder.fileHandleForWriting.close()
    #expect(try await end(lab.service, job.id).state == .done)
    #expect(await lab.service.obstacle() == nil)
  }

  @Test("A session that the store will never take fails its job, and the next one runs")
  func untakeable() async throws {
    let lab = try await Laboratory()
    try lab.refuseSessions()
    for _ in 0..<2 {
      let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
      let ended = try await end(lab.service, job.id)
      #expect(ended.state == .failed)
      #expect(ended.session == nil)
      #expect(ended.reason?.contains("could not be stored") == true)
    }
  }
}
