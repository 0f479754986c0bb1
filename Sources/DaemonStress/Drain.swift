// Stops and reloads at random moments: what ran goes on later, and nothing that waits is lost.

import DaemonAPI
import Executor
import Foundation
import Glibc
import Reports
import StressKit

/// SIGTERM in the middle of jobs, and SIGHUP after SIGHUP.
struct Drain: StressClass {
  let about = StressClassAbout(
    name: "drain",
    injection: "SIGTERM at random moments of a run, storms of SIGHUP with changing configurations",
    expectation:
      "the daemon ends with 0; the job goes on later or is marked; the last settings hold",
    goal: "every stop clean, none longer than 5 s",
    unit: "stops",
    trials: TrialCounts(pr: 3, nightly: 80), secondsMax: 240)

  /// The bar.
  private static let ownSecondsMax = 5.0

  /// By the clock: on a machine that others use, a process may get no CPU for as long as the bar.
  private static let stopSecondsMax = 30.0

  private struct Stop {
    var microseconds: UInt32
    var resumes: Bool
    var hangups: Int
    var seed: UInt64
  }

  func run(_ trial: Trial) throws {
    let stops = (0..<3).map { (number: Int) -> Stop in
      Stop(
        microseconds: Moment.microseconds(&trial.generator),
        resumes: Bool.random(using: &trial.generator),
        hangups: Int.random(in: 0...30, using: &trial.generator), seed: UInt64(10 * number + 1))
    }
    let daemon = try DaemonUnderTest(trial)
    defer { daemon.remove() }
    try daemon.start()
    for step in trial.steps(of: stops.count) {
      let stop = stops[step]
      trial.tell(
        "\(stop.hangups) times SIGHUP; SIGTERM \(stop.microseconds) us after a job began that "
          + (stop.resumes ? "begins anew" : "does not"))
      try hangUp(stop.hangups, daemon, trial)
      try perform(stop, daemon, trial)
      trial.count()
    }
    try daemon.stop(trial)
  }

  /// Each changes the settings; some cannot be read.
  private func hangUp(_ count: Int, _ daemon: DaemonUnderTest, _ trial: Trial) throws {
    guard count > 0 else { return }
    for number in 0..<count {
      try daemon.configure(
        number % 3 == 1 ? "queue_limit: [nonsense\n" : "queue_limit: \(100 + number)\n")
      daemon.signal(SIGHUP)
    }
    let last = Int.random(in: 200...300, using: &trial.generator)
    try daemon.configure("queue_limit: \(last)\n")
    daemon.signal(SIGHUP)
    let wire = try daemon.wire()
    try daemon.eventually("SIGHUP does not read the configuration") {
      try wire.status().queue.limit == last
    }
  }

  private func perform(_ stop: Stop, _ daemon: DaemonUnderTest, _ trial: Trial) throws {
    var request = Jobs.long(stop.seed, blocks: 5000)
    request.resumes = stop.resumes
    let (running, waiting): (Job, Job)
    do {
      let wire = try daemon.wire()
      running = try wire.accepted(request)
      waiting = try wire.accepted(Jobs.tiny(stop.seed + 1))
    }
    let watcher = try daemon.wire()
    guard try watcher.follow(running.id, until: { $0.state == .running }) != nil else {
      throw Finding("job \(running.id) ended before it ran")
    }
    usleep(stop.microseconds)
    var time = OwnTime(of: try daemon.pid)
    daemon.signal(SIGTERM)
    let patience = ContinuousClock.now + .seconds(DaemonUnderTest.patience)
    while daemon.child?.isOver == false, ContinuousClock.now < patience {
      // What it has waited for the machine is not known any more when it has gone.
      time.look()
      usleep(5000)
    }
    time.look()
    try trial.require(
      try daemon.ending(), is: .exited(0), "the end of a daemon that was asked to stop")
    trial.figure("s from SIGTERM to the end", time.seconds)
    trial.figure("s from SIGTERM to the end, own", time.own)
    try trial.require(
      time.seconds < Self.stopSecondsMax && time.own < Self.ownSecondsMax,
      "the daemon took \(time.seconds) s to stop, \(time.own) s of them its own")
    try trial.require(
      !FileManager.default.fileExists(atPath: daemon.paths.socket), "a socket was left behind")
    try daemon.awaitNobody()
    try daemon.start()
    try look(running, waiting, stop, daemon, trial)
  }

  private func look(
    _ running: Job, _ waiting: Job, _ stop: Stop, _ daemon: DaemonUnderTest, _ trial: Trial
  ) throws {
    let wire = try daemon.wire()
    let job = try wire.job(running.id)
    if stop.resumes {
      try trial.require(
        (job.state == .queued || job.state == .running) && job.interruptions == 1,
        "a job that begins anew is \(job.state) after \(job.interruptions) interruptions")
      guard try daemon.wire().follow(job.id, until: { $0.state == .running }) != nil else {
        throw Finding("job \(job.id) does not begin anew")
      }
      try wire.act(.cancel, job.id)
    } else {
      try trial.require(job.state, is: .interrupted, "a job that does not begin anew")
      try trial.require(job.exit, is: 130, "its exit code")
      try trial.require(job.reason?.isEmpty == false, "an interrupted job says no reason")
    }
    guard try daemon.wire().follow(waiting.id, until: { $0.state == .done }) != nil else {
      let told = try wire.job(waiting.id)
      throw Finding("the job that waited ended as \(told.state): \(told.reason ?? "")")
    }
    try daemon.awaitIdle()
  }
}
