// Mixed work again and again: the daemon is afterwards what it was before.

import DaemonAPI
import Foundation
import Glibc
import Reports
import StressKit

/// Runs, refusals, cancellations, deaths of workers and streams that are left, in a loop.
struct DaemonSoak: StressClass {
  let about = StressClassAbout(
    name: "soak",
    injection: "rounds of mixed work: jobs, cancellations, worker deaths, streams, nonsense",
    expectation: "memory, descriptors and mappings of the daemon stay what they were",
    goal: "RSS drift under 1 %/h, descriptors +-0",
    unit: "rounds",
    trials: TrialCounts(pr: 1, nightly: 1, soak: 1), secondsMax: 100_000, isLong: true)

  private struct Size {
    var resident: Int
    var descriptors: Int
    var mappings: Int
  }

  func run(_ trial: Trial) throws {
    // The pauses make an hour of a night, and a day of a soak.
    let (rounds, pause) =
      switch trial.profile {
      case .pr: (24, 0.0)
      case .nightly: (600, 1.5)
      case .soak: (7200, 3.0)
      }
    let seeds = (0..<(rounds * Self.laps)).map { _ in trial.generator.next() }
    let daemon = try DaemonUnderTest(trial, configuration: "worker_recycle_groups: 10\n")
    defer { daemon.remove() }
    try daemon.start()
    var sizes: [Size] = []
    let begin = ContinuousClock.now
    for lap in 0..<Self.laps {
      let start = ContinuousClock.now
      for round in (lap * rounds)..<((lap + 1) * rounds) {
        let due = start + .seconds(pause * Double(round - lap * rounds))
        usleep(UInt32(max(0, (due - .now) / .microseconds(1))))
        try work(seeds[round], round, daemon)
        trial.count()
      }
      sizes.append(try rest(daemon))
    }
    let hours = (ContinuousClock.now - begin) / .seconds(3600) / Double(Self.laps)
    try judge(sizes, rounds: rounds, hours: hours, isPaced: pause > 0, trial)
    try daemon.stop(trial)
  }

  /// How often it is looked at; in the first lap caches fill, and threads and timers are made that
  /// stay.
  private static let laps = 4

  /// By how much memory may grow in an hour; without pauses, in a lap.
  private static let residentPercentMax = 1.0

  /// What is made once may be made late; what leaks grows in every lap.
  private func judge(
    _ sizes: [Size], rounds: Int, hours: Double, isPaced: Bool, _ trial: Trial
  ) throws {
    let pairs = Array(zip(sizes, sizes.dropFirst()))
    let resident = pairs.map { $1.resident - $0.resident }.min() ?? 0
    let descriptors = sizes.map(\.descriptors)
    let mappings = pairs.map { $1.mappings - $0.mappings }.min() ?? 0
    trial.figure("bytes a round, least of \(Self.laps - 1) laps", Double(resident) / Double(rounds))
    trial.figure("MB resident", Double(sizes.last?.resident ?? 0) / 1e6)
    trial.figure("descriptors", Double(descriptors.last ?? 0))
    try trial.require(
      pairs.count { $1.descriptors > $0.descriptors } <= 1,
      "descriptors grow with more than one of \(pairs.count) laps: \(descriptors)")
    try trial.require(
      mappings <= 0, "mappings grow with every \(rounds) rounds: \(sizes.map(\.mappings))")
    let percent = 100 * Double(resident) / Double(max(1, sizes[0].resident))
    trial.figure("% that RSS grew by, least of \(Self.laps - 1) laps", percent)
    // A lap without pauses is far less than an hour, and has more work than most.
    try trial.require(
      percent < Self.residentPercentMax * (isPaced ? hours : 1),
      "memory grows with every \(rounds) rounds: \(sizes.map(\.resident))")
  }

  private func work(_ seed: UInt64, _ round: Int, _ daemon: DaemonUnderTest) throws {
    var generator = TrialGenerator(seed: seed)
    let wire = try daemon.wire()
    let job = try wire.accepted(Jobs.tiny(seed >> 16), key: "round-\(round)")
    switch Int.random(in: 0..<5, using: &generator) {
    case _ where round % 8 == 0: _ = kill(try daemon.awaitWorker(), SIGKILL)
    case 0: try wire.act(.cancel, job.id)
    case 1:
      let other = try daemon.wire()
      try other.stream("/v1/jobs/\(job.id)/updates")
    case 2:
      let other = try daemon.wire()
      var mutations = Mutations(generator: generator)
      try other.send(mutations.spoken())
      _ = try other.receive()
    case 3: _ = try wire.allJobs().count
    default: _ = try wire.ask("GET", "/metrics")
    }
    guard try daemon.wire().follow(job.id, until: \.state.isFinal) != nil else {
      throw Finding("job \(job.id) has no end")
    }
  }

  private func rest(_ daemon: DaemonUnderTest) throws -> Size {
    try daemon.awaitIdle()
    _ = try daemon.awaitWorker()
    let pid = try daemon.pid
    var sizes: [Int] = []
    // Connections that were closed are let go of, and pipes of workers that have ended.
    try daemon.eventually("the daemon's descriptors do not come to rest") {
      sizes.append(ProcessFacts.descriptors(pid) ?? 0)
      usleep(50_000)
      return sizes.count > 6 && Set(sizes.suffix(6)).count == 1
    }
    guard let resident = ProcessFacts.residentBytes(pid), let last = sizes.last,
      let mappings = ProcessFacts.mappings(pid)
    else { throw Finding("the daemon is gone") }
    return Size(resident: resident, descriptors: last, mappings: mappings)
  }
}
