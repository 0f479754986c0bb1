// The same scenario and seed again: the same order, the same operations, the same checksums.

import Executor
import Foundation
import Reports
import ResultStore
import StressKit

/// Runs a scenario twice, in the daemon and without it, and compares all that chance must not touch.
struct Reproducibility: StressClass {
  let about = StressClassAbout(
    name: "reproducibility",
    injection:
      "the same scenario with the same seed, run again in another process and by the daemon",
    expectation: "the same order of visits, operations and checksums, whatever the backend",
    goal: "100 %",
    unit: "figures",
    trials: TrialCounts(pr: 3, nightly: 60), secondsMax: 240)

  /// Units of work that take longer than a batch is to take, so that none is filled by the clock:
  /// then the number of operations is the same everywhere.
  private static let workloads = [
    ("ping-pong", "rounds=20000"), ("spawn", "count=3000"), ("ring", "members=500"),
    ("alloc-churn", ""), ("deep-recursion", "depth=1000"),
  ]

  private static let backends = ["native", "greenlet", "sliced", "frozen", "ucontext"]

  func run(_ trial: Trial) throws {
    let seed = UInt64.random(in: 1...UInt64(UInt32.max), using: &trial.generator)
    let chosen = Self.backends.shuffled(using: &trial.generator).prefix(3)
    let (workload, parameter) = Self.workloads[trial.index % Self.workloads.count]
    let file = trial.scratch.appending(path: "scenario.yaml")
    try Data(
      """
      workload: \(workload)
      backends: [\(chosen.joined(separator: ", "))]
      stack: 1MiB
      blocks: 4
      batches: 1
      batch: 10us

      """.utf8
    ).write(to: file)
    let daemon = try DaemonUnderTest(trial)
    defer { daemon.remove() }
    let arguments =
      ["run", file.path, "--seed", "\(seed)", "--quiet"]
      + (parameter.isEmpty ? [] : ["-p", parameter])
    trial.tell("greenbench \(arguments.joined(separator: " "))")
    let first = try session(daemon, arguments + ["--no-daemon"], trial)
    try daemon.start()
    let others = [
      ("again", try session(daemon, arguments + ["--no-daemon"], trial)),
      ("in the daemon", try session(daemon, arguments, trial)),
      ("in the daemon again", try session(daemon, arguments, trial)),
    ]
    for (name, other) in others { try compare(first, other, name, trial) }
    let sums = Set(first.report.rows.map { "\($0.operations) \($0.checksum ?? "none")" })
    if !parameter.isEmpty {
      try trial.expect(sums.count, is: 1, "different results of \(chosen): \(sums)")
    }
    try daemon.stop(trial)
  }

  private func session(
    _ daemon: DaemonUnderTest, _ arguments: [String], _ trial: Trial
  ) throws -> SessionRecord {
    let run = try daemon.greenbench(arguments)
    try trial.expect(run.ending, is: .exited(0), "a run: \(run.said)")
    let store = try ResultStore(path: daemon.store, readOnly: true)
    return try store.session(run.output.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  private func compare(
    _ one: SessionRecord, _ other: SessionRecord, _ name: String, _ trial: Trial
  ) throws {
    try trial.expect(other.report.seed, is: one.report.seed, "the seed \(name)")
    try trial.expect(
      other.report.rows.map(Self.facts), is: one.report.rows.map(Self.facts), "the rows \(name)")
    try trial.expect(
      other.measurements.map(Self.order), is: one.measurements.map(Self.order),
      "the order of visits \(name)")
    try trial.expect(
      other.control.map(Self.order), is: one.control.map(Self.order),
      "the order of the control's visits \(name)")
  }

  /// What chance must not touch.
  private static func facts(_ row: Row) -> String {
    let parameters = row.parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return ([row.workload, row.backend, row.stack] + parameters).joined(separator: " ")
      + " \(row.status) \(row.verified) \(row.operations) \(row.checksum ?? "none")"
  }

  private static func order(_ measurement: RowMeasurement) -> [[Int]] {
    measurement.blocks.map { [$0.number, $0.position, $0.batches.count] }
  }
}
