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
    let (laps, rounds, pause) =
      switch trial.profile {
      case .pr: (4, 24, 0.0)
      case .nightly: (12, 200, 1.5)
      case .soak: (24, 1200, 3.0)
      }
    let seeds = (0..<(laps * rounds)).map { _ in trial.generator.next() }
    let daemon = try DaemonUnderTest(trial, configuration: "worker_recycle_groups: 10\n")
    defer { daemon.remove() }
    try daemon.start()
    var (sizes, hours): ([Size], [Double]) = ([], [])
    let begin = ContinuousClock.now
    for lap in 0..<laps {
      let start = ContinuousClock.now
      for round in (lap * rounds)..<((lap + 1) * rounds) {
        let due = start + .seconds(pause * Double(round - lap * rounds))
        usleep(UInt32(max(0, (due - .now) / .microseconds(1))))
        try work(seeds[round], round, daemon)
        trial.count()
      }
      sizes.append(try rest(daemon))
      // Laps without pauses are far less than an hour each, and have more work than most.
      hours.append(pause > 0 ? (.now - begin) / .seconds(3600) : Double(lap))
    }
    trial.attach(
      "sizes", zip(hours, sizes).map { "\($0): \($1)" }.joined(separator: "\n"))
    // In the first lap caches fill, and threads and timers are made that stay.
    try judge(Array(sizes.dropFirst()), Array(hours.dropFirst()), trial)
    try daemon.stop(trial)
  }

  /// By how much memory may grow in an hour; without pauses, in a lap.
  private static let residentPercentMax = 1.0

  /// Timers and pools may be made late, once.
  private static let descriptorsMax = 3

  private func judge(_ sizes: [Size], _ hours: [Double], _ trial: Trial) throws {
    guard let first = sizes.first, let last = sizes.last else { return }
    let grown = zip(sizes, sizes.dropFirst()).count { $1.descriptors > $0.descriptors }
    trial.figure("descriptors", Double(last.descriptors))
    try trial.require(
      grown <= 1 && last.descriptors <= first.descriptors + Self.descriptorsMax,
      "descriptors grow: \(sizes.map(\.descriptors))")
    let laps = sizes.indices.map { Double($0) }
    let mappings = Drift(laps, sizes.map { Double($0.mappings) })
    try trial.require(
      mappings.least <= 1, "mappings grow with every lap: \(sizes.map(\.mappings))")
    let percent = Drift(hours, sizes.map { 100 * Double($0.resident) / Double(first.resident) })
    trial.figure("MB resident", Double(last.resident) / 1e6)
    trial.figure("% of memory an hour (in pr, a lap)", percent.slope)
    try trial.require(
      percent.least < Self.residentPercentMax,
      "memory grows by \(percent.slope) +- \(percent.error) %: \(sizes.map(\.resident))")
  }

  private func work(_ seed: UInt64, _ round: Int, _ daemon: DaemonUnderTest) throws {
    var generator = TrialGenerator(seed: seed)
    let wire = try daemon.wire()
    let job = try wire.accepted(Jobs.tiny(seed >> 16), key: "round-\(round)")
    switch Int.random(in: 0..<5, using: &generator) {
    // Seldom enough that workers are replaced for their groups, too.
    case _ where round % 24 == 0: _ = kill(try daemon.awaitWorker(), SIGKILL)
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
