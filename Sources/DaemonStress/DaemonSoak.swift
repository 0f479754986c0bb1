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
    trials: TrialCounts(pr: 1, nightly: 1, soak: 20), secondsMax: 7200)

  private struct Size {
    var resident: Int
    var descriptors: Int
    var mappings: Int
  }

  func run(_ trial: Trial) throws {
    let rounds =
      switch trial.profile {
      case .pr: 60
      case .nightly: 1500
      case .soak: 20_000
      }
    let seeds = (0..<(rounds * 2)).map { _ in trial.generator.next() }
    let daemon = try DaemonUnderTest(trial, configuration: "worker_recycle_groups: 20\n")
    defer { daemon.remove() }
    try daemon.start()
    // Caches and pools fill, and threads are made that stay.
    for round in 0..<rounds { try work(seeds[round], round, daemon) }
    let before = try rest(daemon)
    for round in rounds..<(2 * rounds) {
      try work(seeds[round], round, daemon)
      trial.count()
    }
    let after = try rest(daemon)
    let growth = Double(after.resident - before.resident)
    trial.figure("bytes a round", growth / Double(rounds))
    trial.figure("MB resident", Double(after.resident) / 1e6)
    trial.figure("mappings more", Double(after.mappings - before.mappings))
    try trial.require(after.descriptors, is: before.descriptors, "descriptors after \(rounds) rounds")
    // A thread more, or an arena that takes another chunk, is no leak; one of every round is.
    try trial.require(
      growth < 4_000_000 + 2000 * Double(rounds), "the daemon grew by \(growth) bytes in \(rounds) rounds")
    try trial.require(
      after.mappings - before.mappings < 30 + rounds / 4,
      "\(after.mappings - before.mappings) more mappings after \(rounds) rounds")
    try daemon.stop(trial)
  }

  private func work(_ seed: UInt64, _ round: Int, _ daemon: DaemonUnderTest) throws {
    var generator = TrialGenerator(seed: seed)
    let wire = try daemon.wire()
    let job = try wire.accepted(Jobs.tiny(seed >> 16), key: "round-\(round)")
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: try wire.act(.cancel, job.id)
    case 1:
      let other = try daemon.wire()
      try other.stream("/v1/jobs/\(job.id)/updates")
    case 2:
      let other = try daemon.wire()
      var mutations = Mutations(generator: generator)
      try other.send(mutations.spoken())
      _ = try other.receive()
    case 3 where round % 8 == 0: _ = kill(try daemon.awaitWorker(), SIGKILL)
    case 4: _ = try wire.allJobs().count
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
