// Kills: `kill -9` at random moments of a busy daemon loses nothing that was acknowledged.

import DaemonAPI
import Foundation
import Glibc
import Reports
import StressKit
import Synchronization

/// Kills the service, its worker or both, while jobs are submitted and run.
struct DaemonKill: StressClass {
  let about = StressClassAbout(
    name: "daemon-kill",
    injection:
      "kill -9 of the service, of its worker or of both, at random moments of a busy queue",
    expectation: "acknowledged jobs are there, whole and once; those that ran begin anew, or are "
      + "interrupted where they asked for that",
    goal: "0 lost, 0 torn in 1,000 kills; ready again within 2 s",
    unit: "kills",
    trials: TrialCounts(pr: 3, nightly: 100), secondsMax: 300)

  private static let killsEach = 10

  /// The machine's own delays come on top of it.
  private static let readySecondsMax = 2.0

  private enum Victim: CaseIterable {
    case service, worker, workerFirst, whileStarting

    /// The service, in the middle of a job of its own.
    case atWork

    /// The service at the moment of an answer to a submission, or between the two.
    case atAnswer, inFlight
  }

  private struct Kill {
    var victim: Victim
    var microseconds: UInt32
    var jobs: UInt64
  }

  func run(_ trial: Trial) throws {
    let kills = (0..<Self.killsEach).map { (number: Int) -> Kill in
      // Service alone is the usual death; short waits are likely: starting is a moment, too.
      let usual: Victim? =
        switch Int.random(in: 0..<4, using: &trial.generator) {
        case 0: .service
        case 1: .atWork
        default: nil
        }
      return Kill(
        victim: usual ?? Victim.allCases.randomElement(using: &trial.generator) ?? .service,
        microseconds: Moment.microseconds(&trial.generator),
        jobs: UInt64(number) << 32 | UInt64(trial.generator.next() >> 40))
    }
    // A short life of workers, so that their ends and starts are met as well.
    let daemon = try DaemonUnderTest(trial, configuration: "worker_recycle_groups: 5\n")
    defer { daemon.remove() }
    let ledger = Ledger()
    try daemon.start()
    for step in trial.steps(of: kills.count) {
      let kill = kills[step]
      trial.tell("\(kill.victim) after \(kill.microseconds) us")
      try perform(kill, daemon, ledger, trial)
      trial.count()
    }
    try daemon.awaitIdle()
    let wire = try daemon.wire()
    try ledger.audit(wire)
    let jobs = try wire.allJobs()
    trial.figure("jobs", Double(jobs.count))
    trial.figure("jobs begun anew", Double(jobs.count { $0.interruptions > 0 }))
    trial.figure("crashed rows", Double(jobs.count { $0.exit == 3 }))
    try daemon.stop(trial)
    try ledger.audit(file: daemon.store, jobs: jobs)
  }

  private func perform(
    _ kill: Kill, _ daemon: DaemonUnderTest, _ ledger: Ledger, _ trial: Trial
  ) throws {
    let worker = try daemon.status().workers.first?.pid
    let clients = Submitters(daemon.paths.socket, ledger, first: kill.jobs)
    usleep(kill.microseconds)
    switch kill.victim {
    case .worker:
      if let worker { _ = Glibc.kill(worker, SIGKILL) }
      // It goes on without: the next job is told to its end.
      ledger.ask("after-\(kill.jobs)", Jobs.tiny(1))
      let told = try daemon.wire().accepted(Jobs.tiny(1), key: "after-\(kill.jobs)")
      ledger.acknowledge("after-\(kill.jobs)", told)
      guard let end = try daemon.wire().follow(told.id, until: \.state.isFinal) else {
        throw Finding("job \(told.id) has no end after a worker was killed")
      }
      ledger.tell(end)
      try clients.end()
      try trial.require(daemon.child?.isOver == false, "the service died with its worker")
      return
    case .service: daemon.kill()
    case .atAnswer:
      let (key, request) = ("answered-\(kill.jobs)", Jobs.tiny(kill.jobs))
      ledger.ask(key, request)
      let job = try daemon.wire().accepted(request, key: key)
      daemon.kill()
      ledger.acknowledge(key, job)
    case .atWork:
      // Most of them are not to begin anew.
      let resumes = kill.microseconds % 4 == 0
      let request = Jobs.long(kill.jobs, blocks: 60, priority: 9, resumes: resumes)
      ledger.ask("worked-\(kill.jobs)", request)
      let job = try daemon.wire().accepted(request, key: "worked-\(kill.jobs)")
      ledger.acknowledge("worked-\(kill.jobs)", job)
      _ = try daemon.wire().follow(job.id) { $0.state != .queued }
      daemon.kill()
    case .inFlight:
      let (key, request) = ("asked-\(kill.jobs)", Jobs.tiny(kill.jobs))
      ledger.ask(key, request)
      let wire = try daemon.wire()
      try wire.send(try Wire.submission(request, key: key))
      usleep(kill.microseconds % 4000)
      daemon.kill()
    case .workerFirst:
      if let worker { _ = Glibc.kill(worker, SIGKILL) }
      daemon.kill()
    case .whileStarting:
      daemon.kill()
      daemon.spawn()
      usleep(kill.microseconds)
      daemon.kill()
    }
    try clients.end()
    try trial.require(
      FileManager.default.fileExists(atPath: daemon.paths.lock), "a killed daemon removed its lock")
    let start = ContinuousClock.now
    daemon.spawn()
    var time = OwnTime(of: try daemon.pid, startedAt: start)
    try daemon.awaitReady()
    time.look()
    trial.figure("seconds until ready again", time.seconds)
    trial.figure("seconds until ready again, own", time.own)
    try trial.require(
      time.own < Self.readySecondsMax,
      "a killed daemon was ready again after \(time.seconds) s, \(time.own) s of them its own")
    try ledger.settle(daemon.wire())
    let own = try daemon.pid
    // A worker of the dead one sees that it is alone.
    try daemon.eventually("a worker outlives its daemon") {
      daemon.processes.allSatisfy { $0 == own || ProcessFacts.parent($0) == own }
    }
  }
}

/// Two who submit without a pause until their daemon is gone or they are asked to end.
private final class Submitters: Sendable {
  private let isOver = Atomic(false)
  private let done = DispatchSemaphore(value: 0)
  private let fault = Mutex<String?>(nil)
  private static let count = 2

  /// Jobs that wait at most: enough that a kill always meets one at work.
  private static let openMax = 12

  init(_ socket: String, _ ledger: Ledger, first: UInt64) {
    for number in 0..<Self.count {
      Thread.detachNewThread { [self] in
        submit(socket, ledger, first: first &+ UInt64(number) << 24)
        done.signal()
      }
    }
  }

  private func submit(_ socket: String, _ ledger: Ledger, first: UInt64) {
    var seed = first
    do {
      let wire = try Wire(socket)
      while !isOver.load(ordering: .relaxed) {
        if ledger.open >= Self.openMax {
          for job in try wire.get("/v1/jobs?limit=50", JobPage.self).jobs { ledger.tellEnd(job) }
          continue
        }
        seed += 1
        let request = seed % 4 == 0 ? Jobs.long(seed, blocks: 3) : Jobs.tiny(seed)
        ledger.ask("key-\(seed)", request)
        ledger.acknowledge("key-\(seed)", try wire.accepted(request, key: "key-\(seed)"))
      }
    } catch is WireError {
      // It was killed, which is what this is about.
    } catch {
      fault.withLock { $0 = "\(error)" }
    }
  }

  func end() throws {
    isOver.store(true, ordering: .relaxed)
    for _ in 0..<Self.count { done.wait() }
    if let fault = fault.withLock({ $0 }) { throw Finding(fault) }
  }
}
