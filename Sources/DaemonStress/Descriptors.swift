// A daemon without descriptors, or without the right to start processes: it waits, and recovers.

import DaemonAPI
import Executor
import Foundation
import Glibc
import StressKit

/// Takes descriptors and processes away from a daemon that runs, and gives them back.
struct Descriptors: StressClass {
  let about = StressClassAbout(
    name: "descriptors",
    injection: "RLIMIT_NOFILE with many connections, RLIMIT_NPROC while a worker is to start",
    expectation:
      "who is connected is served, accepting pauses, jobs fail with a sentence; it recovers",
    goal: "recovers within 1 s",
    unit: "shortages",
    trials: TrialCounts(pr: 4, nightly: 30), secondsMax: 300)

  private static let limiter = "/usr/bin/prlimit"

  /// The machine's own delays come on top of it.
  private static let recoverySecondsMax = 1.0

  func run(_ trial: Trial) throws {
    guard FileManager.default.isExecutableFile(atPath: Self.limiter) else {
      throw Skip("there is no \(Self.limiter); util-linux has it")
    }
    let drawn = trial.generator
    var recoveries = Recoveries()
    for name in Self.attempts where !recoveries.areQuick {
      (trial.generator, recoveries.name) = (drawn, name)
      if trial.index % 2 == 0 {
        try lackDescriptors(trial, &recoveries)
      } else {
        try lackProcesses(trial, &recoveries)
      }
    }
    for (what, time) in recoveries.best.sorted(by: { $0.key < $1.key }) {
      trial.figure("s until \(what)", time.seconds)
      trial.figure("s until \(what), own", time.own)
      try trial.require(
        time.own < Self.recoverySecondsMax,
        "\(time.seconds) s until \(what), \(time.own) s of them the daemon's own, at best"
      )
    }
  }

  /// What a busy machine does to one recovery it does not do to three; a slow daemon is slow each time.
  private static let attempts = ["a", "b", "c"]

  /// The quickest of each kind so far.
  private struct Recoveries {
    private(set) var best: [String: OwnTime] = [:]

    /// Of the daemon's folder in this attempt.
    var name = ""

    mutating func note(_ time: OwnTime, until what: String) {
      if best[what].map({ time.own < $0.own }) ?? true { best[what] = time }
    }

    var areQuick: Bool {
      !best.isEmpty && best.values.allSatisfy { $0.own < Descriptors.recoverySecondsMax }
    }
  }

  private func lackDescriptors(_ trial: Trial, _ recoveries: inout Recoveries) throws {
    // Fewer than wait in the kernel's queue: one more would wait until the first are cut for silence.
    let (spare, clients) = (
      Int.random(in: 8...24, using: &trial.generator),
      Int.random(in: 60...120, using: &trial.generator)
    )
    let killsWorker = Bool.random(using: &trial.generator)
    trial.tell(
      "\(spare) descriptors for \(clients) clients, the worker \(killsWorker ? "dies" : "lives")")
    let daemon = try DaemonUnderTest(trial, name: recoveries.name)
    defer { daemon.remove() }
    try daemon.start()
    let worker = try daemon.awaitWorker()
    let before = try settled(daemon)
    let usual = try ProcessFacts.softLimit(daemon.pid, "Max open files")
    try limit(daemon, "--nofile=\(before + spare):")
    var wires = try (0..<clients).map { _ in try daemon.wire() }
    try daemon.eventually("no connection is accepted") {
      (ProcessFacts.descriptors(try daemon.pid) ?? 0) >= before + spare
    }
    // Who is in is served, all of them once more and more.
    for _ in 0..<3 {
      for wire in wires.prefix(spare / 2) {
        try trial.require(
          try wire.ask("GET", "/healthz").status, is: 200, "somebody who is connected")
      }
    }
    if killsWorker {
      _ = kill(worker, SIGKILL)
      let job = try wires[0].accepted(Jobs.tiny(1))
      // It may wait for its worker, or fail with a reason; it is not to be lost.
      let told = try wires[1].job(job.id)
      try trial.require(
        told.state != .failed || told.reason != nil, "a job failed without a reason")
    }
    try trial.require(
      daemon.child?.isOver == false, "the daemon ended for want of descriptors: \(daemon.log)")
    wires = []
    let (time, status) = try OwnTime.measure(of: daemon.pid) {
      try daemon.wire().ask("GET", "/healthz").status
    }
    try trial.require(status, is: 200, "somebody new, when there is room")
    recoveries.note(time, until: "somebody new is answered")
    try limit(daemon, "--nofile=\(usual):")
    try runAgain(daemon, &recoveries)
    try daemon.eventually("descriptors are left over") {
      (ProcessFacts.descriptors(try daemon.pid) ?? 0) <= before
    }
    try daemon.stop(trial)
    trial.count()
  }

  private func lackProcesses(_ trial: Trial, _ recoveries: inout Recoveries) throws {
    // The kernel does not count root's processes.
    let isRoot = geteuid() == 0
    let daemon = try DaemonUnderTest(
      trial, name: recoveries.name, user: isRoot ? AttackScene.nobody : nil)
    defer { daemon.remove() }
    guard daemon.canBeRun() else {
      throw Skip(
        "user \(AttackScene.nobody) cannot run \(trial.program); run it as an ordinary user, or from"
          + " a folder that all may enter")
    }
    try daemon.start()
    let worker = try daemon.awaitWorker()
    let usual = try ProcessFacts.softLimit(daemon.pid, "Max processes")
    try limit(daemon, "--nproc=1:")
    let isLong = trial.index % 4 == Self.longShortage
    if isLong {
      trial.tell("no more processes, and nothing happens for a while")
      sleep(Self.threadsStaySeconds + 1)
      let (time, _) = try OwnTime.measure(of: daemon.pid) { try askAtOnce(daemon, trial) }
      recoveries.note(time, until: "all are answered without processes")
    }
    trial.tell("no more processes, and worker \(worker) dies")
    _ = kill(worker, SIGKILL)
    if isLong {
      try daemon.eventually("the death of a worker is not noticed") {
        try !daemon.status().workers.contains { $0.pid == worker }
      }
    }
    let job = try daemon.wire().accepted(Jobs.tiny(1))
    guard let end = try daemon.wire().follow(job.id, until: \.state.isFinal) else {
      throw Finding("job \(job.id) has no end")
    }
    try trial.require(
      daemon.child?.isOver == false, "the daemon ended with its worker: \(daemon.log)")
    if isLong, end.state == .done {
      throw Skip("a process begins in spite of RLIMIT_NPROC; run it as a user without rights")
    }
    // A worker that was quicker than its end is no fault.
    if end.state != .done || end.exit != 0 {
      try trial.require(
        end.reason ?? end.session != nil, "a job ended as \(end.state) without a reason")
      trial.figure("jobs without a worker", 1)
    }
    try limit(daemon, "--nproc=\(usual):")
    try runAgain(daemon, &recoveries)
    try daemon.stop(trial)
    trial.count()
  }

  /// Every second shortage of processes lasts longer than libdispatch keeps threads that do nothing: a
  /// daemon that needs new ones for an answer is silent then.
  private static let longShortage = 3
  private static let threadsStaySeconds: UInt32 = 5

  /// Several at a time, since one thread may have been left over for one question.
  private func askAtOnce(_ daemon: DaemonUnderTest, _ trial: Trial) throws {
    let wires = try (0..<16).map { _ in try daemon.wire() }
    let paths = ["/v1/status", "/v1/jobs", "/v1/events?after=0"]
    for (index, wire) in wires.enumerated() {
      try wire.send(Wire.request("GET", paths[index % paths.count]))
    }
    for wire in wires {
      try trial.require(try wire.answer().status, is: 200, "somebody new, without processes")
    }
  }

  /// A job ends well once there is all that it takes; those before it may not have known yet.
  private func runAgain(_ daemon: DaemonUnderTest, _ recoveries: inout Recoveries) throws {
    let (time, _) = try OwnTime.measure(of: daemon.pid) {
      try daemon.eventually("jobs fail after the shortage") {
        let job = try daemon.wire().accepted(Jobs.tiny(2))
        guard let end = try daemon.wire().follow(job.id, until: \.state.isFinal) else {
          return false
        }
        return end.state == .done && end.exit == 0
      }
    }
    recoveries.note(time, until: "a job ends well")
  }

  private func limit(_ daemon: DaemonUnderTest, _ limit: String) throws {
    let child = OwnedChild(
      OwnedChild.Start(
        program: Self.limiter, arguments: ["--pid", "\(try daemon.pid)", limit],
        // A process may be limited by its own user; root needs a right more than that.
        prefix: daemon.prefix))
    guard child.wait(DaemonUnderTest.patience) == .exited(0) else {
      child.end()
      throw Skip("prlimit \(limit) is refused here: \(child.complaints)")
    }
  }

  /// Its descriptors when nothing happens.
  private func settled(_ daemon: DaemonUnderTest) throws -> Int {
    var last: [Int] = []
    try daemon.eventually("the daemon's descriptors do not come to rest") {
      last.append(ProcessFacts.descriptors(try daemon.pid) ?? 0)
      usleep(20_000)
      return last.count > 5 && Set(last.suffix(5)).count == 1
    }
    return last.last ?? 0
  }
}
