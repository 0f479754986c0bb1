// Clients that die: their jobs end with them, unless they said otherwise, and no worker is left over.

import DaemonAPI
import Executor
import Foundation
import Glibc
import Reports
import StressKit

/// Ends `greenbench run` by a signal at a random moment, at its start, while it waits or while its
/// job runs.
struct ClientDeath: StressClass {
  let about = StressClassAbout(
    name: "client-death",
    injection: "SIGKILL, SIGINT or SIGTERM for `greenbench run` at random moments",
    expectation: "its job is cancelled; with --detach it goes on; the worker is not left over",
    goal: "0 jobs and 0 workers without an owner",
    unit: "deaths",
    trials: TrialCounts(pr: 2, nightly: 60), secondsMax: 240)

  private static let deathsEach = 8

  private struct Death {
    var signal: Int32
    var detaches: Bool

    /// Since its start, or since the job runs.
    var microseconds: UInt32
    var waitsForJob: Bool
    var seed: UInt64
  }

  func run(_ trial: Trial) throws {
    let signals: [Int32] = [SIGKILL, SIGKILL, SIGINT, SIGTERM]
    let deaths = (0..<Self.deathsEach).map { (number: Int) -> Death in
      Death(
        signal: signals.randomElement(using: &trial.generator) ?? SIGKILL,
        detaches: number % 4 == 3, microseconds: Moment.microseconds(&trial.generator),
        waitsForJob: number % 4 < 2, seed: UInt64(number + 1))
    }
    let daemon = try DaemonUnderTest(trial)
    defer { daemon.remove() }
    try daemon.start()
    for step in trial.steps(of: deaths.count) {
      let death = deaths[step]
      trial.tell(
        "signal \(death.signal) \(death.microseconds) us after "
          + "\(death.waitsForJob ? "the job began" : "the start")"
          + (death.detaches ? ", detached" : ""))
      try perform(death, daemon, trial)
      trial.count()
    }
    try daemon.awaitIdle()
    let own = try daemon.pid
    let worker = try daemon.awaitWorker()
    // Ends of workers are on their way: what is over is that only one is kept.
    try daemon.eventually("a worker is left over") {
      daemon.processes.allSatisfy { $0 == own || $0 == worker || ProcessFacts.parent($0) != own }
    }
    try daemon.stop(trial)
  }

  private func perform(_ death: Death, _ daemon: DaemonUnderTest, _ trial: Trial) throws {
    let streamsBefore = try streams(daemon)
    let client = daemon.client(
      ["run", "ping-pong", "--backend", "native", "--seed", "\(death.seed)"]
        + (death.detaches ? ["--blocks", "2", "--detach"] : ["--blocks", "5000"]))
    if death.waitsForJob, !death.detaches {
      // From then on the job has an owner, and nothing excuses one that goes on.
      try daemon.eventually("the job of a run is not watched while it runs") {
        try client.isOver || job(death, daemon)?.state == .running && watchers(daemon) == 1
      }
    }
    usleep(death.microseconds)
    client.signal(death.signal)
    guard let ending = client.wait(DaemonUnderTest.patience) else {
      client.end()
      throw Finding("a client does not end at signal \(death.signal)")
    }
    let allowed: [OwnedChild.Ending] = [.signalled(death.signal), .exited(130), .exited(0)]
    try trial.require(
      allowed.contains(ending),
      "a client that got signal \(death.signal) ended with \(ending): \(client.complaints)")
    if death.detaches { return try look(atDetached: death, client, daemon, trial) }
    try awaitEnd(death, streamsBefore, daemon, trial)
  }

  private func job(_ death: Death, _ daemon: DaemonUnderTest) throws -> Job? {
    let page: JobPage = try daemon.wire().get("/v1/jobs?limit=20")
    return page.jobs.first { $0.request.scenario.seed == death.seed }
  }

  /// A job that was acknowledged to its client goes on to its end.
  private func look(
    atDetached death: Death, _ client: OwnedChild, _ daemon: DaemonUnderTest, _ trial: Trial
  ) throws {
    try daemon.awaitIdle()
    let found = try job(death, daemon)
    if let id = Int(client.output) {
      try trial.require(found?.id, is: id, "the job that a detached run was told")
    }
    if let found {
      try trial.require(found.state, is: .done, "a detached job, \(found.reason ?? "")")
    }
  }

  /// The job of a client that watched it is cancelled.
  ///
  /// One whose client died between the answer to its submission and its first look has no owner, and
  /// goes on.
  private func awaitEnd(
    _ death: Death, _ streamsBefore: Int, _ daemon: DaemonUnderTest, _ trial: Trial
  ) throws {
    var looks = 0
    var isOrphan = false
    try daemon.eventually("a job outlives the run that it belongs to") {
      guard let found = try job(death, daemon) else { return true }
      if found.state.isFinal {
        try trial.require(
          found.state, is: .cancelled, "the job of a run that got signal \(death.signal)")
        return true
      }
      // The daemon counts a stream when it ends: as long as it has counted none, there was none.
      looks = try streams(daemon) == streamsBefore ? looks + 1 : 0
      // One that it still counts as there has an owner: this one has died, and was not missed.
      isOrphan = try looks > 500 && watchers(daemon) == 0
      return isOrphan
    }
    if isOrphan, let found = try job(death, daemon) {
      trial.figure("jobs whose client died before it watched", 1)
      try trial.require(
        !death.waitsForJob, "job \(found.id) was watched, and goes on without its client")
      try daemon.wire().act(.cancel, found.id)
      try daemon.awaitIdle()
    }
  }

  /// How many watch a job, by the daemon's own account of itself.
  private func watchers(_ daemon: DaemonUnderTest) throws -> Int {
    // What is there is of an earlier moment; most often nothing is.
    try? FileManager.default.removeItem(atPath: daemon.paths.dump)
    daemon.signal(SIGUSR1)
    var found: Int?
    try daemon.eventually("SIGUSR1 writes no account of watchers") {
      // Until it is written it cannot be read.
      let text = (try? String(contentsOfFile: daemon.paths.dump, encoding: .utf8)) ?? ""
      let line = text.split(separator: "\n").first { $0.hasPrefix("watchers: ") }
      guard let line, line.hasSuffix(" of jobs") else { return false }
      found = line.split(separator: " ").dropLast(2).last.flatMap { Int($0) }
      return found != nil
    }
    return found ?? 0
  }

  /// How many streams of jobs have ended.
  private func streams(_ daemon: DaemonUnderTest) throws -> Int {
    let text = try daemon.wire().ask("GET", "/metrics").text
    return text.split(separator: "\n")
      .filter { $0.hasPrefix("greenbench_http_requests") && $0.contains("{id}/updates") }
      .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
      .reduce(0) { $0 + Int($1) }
  }
}
