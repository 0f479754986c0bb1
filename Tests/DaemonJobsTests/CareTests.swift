// The daemon's care of its store, and what it makes of a clock that is set.

import DaemonAPI
import Foundation
import Reports
import ResultStore
import Testing

@testable import DaemonJobs

@Suite("The daemon's care")
struct CareTests {
  @Test("A daemon keeps a reserve, and makes it again when it was given up")
  func reserve() async throws {
    let lab = try await Laboratory()
    #expect(lab.store.hasReserve)
    try FileManager.default.removeItem(atPath: lab.store.path + "-reserve")
    lab.clock.advance(seconds: 3600)
    await lab.service.tick()
    #expect(lab.store.hasReserve)
  }

  @Test("A log of writes that a reader lets grow is told of once, and once when it is short again")
  func longLog() async throws {
    let lab = try await Laboratory()
    await lab.service.limitLog(to: 1)
    await lab.service.watchLog()
    #expect(try lab.troubles().isEmpty, "nobody reads: the log can be emptied")
    let reader = try lab.holdStore(reading: true)
    _ = try await lab.service.submit(JobServiceTests.request(), client: "me", key: nil)
    await lab.service.watchLog()
    await lab.service.watchLog()
    #expect(try lab.troubles().count == 1)
    #expect(try lab.troubles().first?.contains("a program reads the store") == true)
    try reader.fileHandleForWriting.close()
    while await lab.service.longLogSince != nil {
      lab.clock.advance(seconds: 60)
      await lab.service.watchLog()
    }
    #expect(try lab.troubles().count == 2)
    #expect(try lab.troubles().last?.contains("short again") == true)
  }

  @Test("A job's end is its start and what passed, whatever the clock on the wall says")
  func times() async throws {
    let lab = try await Laboratory()
    var job = Job(
      id: 1, client: "me", request: JobServiceTests.request(),
      submittedUnixNanoseconds: 5000, startedUnixNanoseconds: 7000)
    lab.clock.advance(seconds: 10)
    #expect(await lab.service.timeOfEnd(job, began: 4_000_000_000) == 7000 + 6_000_000_000)
    lab.clock.setWall(seconds: -3600)
    #expect(await lab.service.timeOfEnd(job, began: 4_000_000_000) == 7000 + 6_000_000_000)
    #expect(await lab.service.timeOfEnd(job) == 7000)
    job.startedUnixNanoseconds = nil
    #expect(await lab.service.timeOfEnd(job) == 5000)
  }

  @Test("Put forward by an hour, a clock lets no job expire; put back, none begins before its time")
  func clockIsSet() async throws {
    let lab = try await Laboratory()
    lab.pressure.store(90)
    let quiet = QuietCondition(pressurePercentMax: 10, deadlineSeconds: 60)
    let job = try await lab.service.submit(
      JobServiceTests.request(quiet: quiet), client: "me", key: nil
    ).job
    lab.clock.setWall(seconds: 3600)
    await lab.service.tick()
    #expect(try await lab.service.job(job.id).state == .queued)
    lab.clock.setWall(seconds: -3600)
    lab.pressure.store(0)
    await lab.service.tick()
    let ended = try await JobServiceTests().end(lab.service, job.id)
    #expect(ended.state == .done)
    #expect(ended.startedUnixNanoseconds == job.submittedUnixNanoseconds)
    #expect(ended.endedUnixNanoseconds == job.submittedUnixNanoseconds)
  }
}

extension JobService {
  fileprivate func limitLog(to bytes: Int) { logBytesMax = bytes }
}

extension Laboratory {
  fileprivate func troubles() throws -> [String] {
    try store.events(after: 0, limit: 1000).events.filter { $0.kind == .storeTrouble }
      .map(\.message)
  }
}
