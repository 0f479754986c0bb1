// A daemon that has nothing to do leaves the machine to whoever measures.

import Foundation
import Glibc
import StressKit

/// Watches an idle daemon and its worker.
struct ObserverEffect: StressClass {
  let about = StressClassAbout(
    name: "observer-effect",
    injection: "an idle daemon with its worker, watched for some seconds",
    expectation: "it hardly ever wakes up, and takes no time",
    goal: "< 0.1 % of a CPU, at most 1 wake-up a second",
    unit: "seconds",
    trials: TrialCounts(pr: 1, nightly: 3), secondsMax: 240, isAlone: true)

  private static let percentMax = 0.1
  private static let wakeupsMax = 1.0

  /// How often it is watched: a wake-up that comes once may come while it is watched, a habit comes always.
  ///
  /// The time of a CPU is that of all windows together.
  private static let tries = 3

  private static let restSeconds = 10

  func run(_ trial: Trial) throws {
    let daemon = try DaemonUnderTest(trial)
    defer { daemon.remove() }
    try daemon.start()
    let processes = [("service", try daemon.pid), ("worker", try daemon.awaitWorker())]
    guard !ProcessFacts.cpuNanoseconds(processes[0].1).isEmpty else {
      throw Skip("this kernel does not count threads' time; CONFIG_SCHED_INFO would tell it")
    }
    // What a start leaves to be done is over when it has slept for a second. One that does not come to
    // rest is watched as it is, and judged.
    for _ in 0..<Self.restSeconds {
      let before = Counts(processes)
      sleep(1)
      if before.wakeups(until: Counts(processes)).values.allSatisfy({ $0 <= 4 }) { break }
    }
    let seconds = trial.profile == .pr ? 4.0 : 20.0
    var rates = [watch(processes, seconds, trial)]
    for _ in 1..<Self.tries where rates.allSatisfy({ $0.wakeups > Self.wakeupsMax }) {
      rates.append(watch(processes, seconds, trial))
    }
    let wakeups = rates.map(\.wakeups).min() ?? 0
    let percent = rates.reduce(0) { $0 + $1.percent } / Double(rates.count)
    trial.figure("wake-ups a second", wakeups)
    trial.figure("% of a CPU", percent)
    try trial.require(
      wakeups <= Self.wakeupsMax, "service or worker woke up \(wakeups) times a second")
    try trial.require(
      percent < Self.percentMax, "service or worker took \(percent) % of a CPU")
    try daemon.stop(trial)
  }

  /// What that of the processes did in a second that did more.
  ///
  /// Not their sum: while a run measures, its worker is what measures, and no observer.
  private struct Rates {
    let wakeups: Double
    let percent: Double
  }

  private func watch(
    _ processes: [(String, Int32)], _ seconds: Double, _ trial: Trial
  ) -> Rates {
    let (before, begin) = (Counts(processes), ContinuousClock.now)
    usleep(UInt32(seconds * 1e6))
    let after = Counts(processes)
    let taken = (ContinuousClock.now - begin) / .seconds(1)
    trial.count(Int(taken))
    let (wakeups, nanoseconds) = (before.wakeups(until: after), before.nanoseconds(until: after))
    return Rates(
      wakeups: Double(wakeups.values.max() ?? 0) / taken,
      percent: Double(nanoseconds.values.max() ?? 0) / taken / 1e7)
  }

  /// What the processes' threads have done so far.
  private struct Counts {
    private var woken: [String: [String: Int]] = [:]
    private var used: [String: [String: Int]] = [:]

    init(_ processes: [(name: String, pid: Int32)]) {
      for (name, pid) in processes {
        woken[name] = ProcessFacts.wakeups(pid)
        used[name] = ProcessFacts.cpuNanoseconds(pid)
      }
    }

    func wakeups(until later: Counts) -> [String: Int] { Self.growth(woken, later.woken) }
    func nanoseconds(until later: Counts) -> [String: Int] { Self.growth(used, later.used) }

    /// A thread that is new counts from zero.
    private static func growth(
      _ before: [String: [String: Int]], _ after: [String: [String: Int]]
    ) -> [String: Int] {
      after.mapValues { $0 }.reduce(into: [:]) { sums, process in
        let known = before[process.key] ?? [:]
        sums[process.key] = process.value.reduce(0) { $0 + $1.value - (known[$1.key] ?? 0) }
      }
    }
  }
}
