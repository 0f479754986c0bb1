// Jobs that somebody pauses: those that wait, and those that run.

import DaemonAPI
import Reports
import ResultStore
import Testing

@testable import DaemonJobs

extension JobServiceTests {
  @Test("A waiting job is cancelled, paused and resumed")
  func waiting() async throws {
    let lab = try await Laboratory()
    _ = try await lab.service.setQueuePaused(true)
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    let other = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    #expect(try await lab.service.act(.pause, job: job.id).state == .paused)
    #expect(try await lab.service.act(.cancel, job: other.id).state == .cancelled)
    #expect(await lab.service.status().state == .paused)
    _ = try await lab.service.setQueuePaused(false)
    #expect(try await lab.service.job(job.id).state == .paused)
    _ = try await lab.service.act(.resume, job: job.id)
    #expect(try await end(lab.service, job.id).state == .done)
    let error = await #expect(throws: Refusal.self) {
      try await lab.service.act(.cancel, job: other.id)
    }
    #expect(error?.code == .conflict)
  }

  @Test(
    "A running job that is paused frees its worker; the next one runs, and it begins anew later")
  func pauseRunning() async throws {
    let lab = try await Laboratory()
    lab.stage.hold()
    let job = try await lab.service.submit(Self.request(), client: "me", key: "k").job
    try await lab.untilMeasuring()
    let next = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    #expect(try await lab.service.act(.pause, job: job.id).state == .paused)
    lab.stage.letGo()
    #expect(try await end(lab.service, next.id).state == .done)
    let paused = try await lab.service.job(job.id)
    #expect(paused.state == .paused)
    #expect(paused.interruptions == 0)
    #expect(paused.startedUnixNanoseconds == nil)
    #expect(try lab.store.job(job.id) == paused)

    #expect(try await lab.service.act(.resume, job: job.id).state == .queued)
    let ended = try await end(lab.service, job.id)
    #expect(ended.state == .done)
    #expect(ended.startedUnixNanoseconds != nil)
    #expect(try await lab.service.session(try #require(ended.session)).rows[0].blocks == 2)
    let again = try await lab.service.submit(Self.request(), client: "me", key: "k")
    #expect(again.repeated && again.job.id == job.id)
  }

  @Test("A job that is resumed before its run has stopped begins anew")
  func resumedWhileStopping() async throws {
    let lab = try await Laboratory()
    lab.stage.hold()
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    try await lab.untilMeasuring()
    _ = try await lab.service.act(.pause, job: job.id)
    #expect(try await lab.service.act(.resume, job: job.id).state == .queued)
    lab.stage.letGo()
    #expect(try await end(lab.service, job.id).state == .done)
    let kinds = try await lab.service.events(after: 0, limit: 100).events.map(\.kind)
    #expect(
      kinds.filter { $0.rawValue.hasPrefix("job") } == [
        .jobSubmitted, .jobStarted, .jobPaused, .jobResumed, .jobStarted, .jobEnded,
      ])
  }

  @Test("A job that is paused and cancelled is cancelled, and no more paused")
  func cancelledWhileStopping() async throws {
    let lab = try await Laboratory()
    lab.stage.hold()
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    try await lab.untilMeasuring()
    _ = try await lab.service.act(.pause, job: job.id)
    _ = try await lab.service.act(.cancel, job: job.id)
    let error = await #expect(throws: Refusal.self) {
      try await lab.service.act(.pause, job: job.id)
    }
    #expect(error?.code == .conflict)
    lab.stage.letGo()
    #expect(try await end(lab.service, job.id).state == .cancelled)
  }

  @Test("A pause that the store does not take is refused, and the run goes on")
  func refusedPause() async throws {
    let lab = try await Laboratory()
    try lab.refusePauses()
    lab.stage.hold()
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    try await lab.untilMeasuring()
    let error = await #expect(throws: Refusal.self) {
      try await lab.service.act(.pause, job: job.id)
    }
    #expect(error?.code == .store)
    #expect(try await lab.service.job(job.id).state == .running)
    lab.stage.letGo()
    #expect(try await end(lab.service, job.id).state == .done)
  }

  @Test(
    "A job stays paused when the daemon stops, whichever is asked for first",
    arguments: [true, false])
  func drainsPaused(pausesFirst: Bool) async throws {
    let lab = try await Laboratory()
    lab.stage.hold()
    let job = try await lab.service.submit(
      Self.request(blocks: 3, resumes: false), client: "me", key: nil
    ).job
    try await lab.untilMeasuring()
    let service = lab.service
    if pausesFirst { _ = try await service.act(.pause, job: job.id) }
    async let drained: Void = service.drain(deadline: .seconds(60))
    while await service.status().state != .draining { await Task.yield() }
    if !pausesFirst { _ = try await service.act(.pause, job: job.id) }
    lab.stage.letGo()
    await drained
    let stored = try #require(try lab.store.job(job.id))
    #expect(stored.state == .paused)
    #expect(stored.interruptions == 0)
  }

  @Test("A job is running from the moment it is chosen, and can be paused from then on")
  func pausedAtOnce() async throws {
    let lab = try await Laboratory()
    lab.stage.hold()
    let job = try await lab.service.submit(Self.request(), client: "me", key: nil).job
    // Before a worker was asked for anything, or after: the answer is the same.
    #expect(try await lab.service.act(.pause, job: job.id).state == .paused)
    #expect(try await lab.service.job(job.id).state == .paused)
    _ = try await lab.service.act(.resume, job: job.id)
    lab.stage.letGo()
    #expect(try await end(lab.service, job.id).state == .done)
  }
}
