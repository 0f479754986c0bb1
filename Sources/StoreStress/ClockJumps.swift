// Clocks that are set: the time of day jumps at every look while a daemon has jobs to run.

import CContexts
import DaemonAPI
import DaemonJobs
import Dispatch
import Foundation
import Reports
import ResultStore
import StressKit
import Synchronization

struct ClockJumps: StressClass {
  let about = StressClassAbout(
    name: "clock-jumps",
    injection: "the time of day jumps by 1 s or 1 h, forward and back, at every look at it",
    expectation: "no duration below zero or beyond what passed, nothing expires, and sessions say "
      + "that the clock was set",
    goal: "0 negative durations",
    unit: "checks",
    trials: TrialCounts(pr: 5, nightly: 100))

  /// By how many seconds each look moves the clock; nil for any of them, as it comes.
  private static let jumps: [Int?] = [3600, -3600, 1, -1, nil]

  /// A clock that somebody sets whenever it is looked at.
  private final class JumpyClock: Sendable {
    private struct State {
      var offset = 0
      var looksAtPressure = 0
      var generator: TrialGenerator
    }

    private let state: Mutex<State>
    private let seconds: Int?

    init(seconds: Int?, generator: TrialGenerator) {
      self.seconds = seconds
      state = Mutex(State(generator: generator))
    }

    func now() -> Int {
      state.withLock { state in
        let jump = seconds ?? [-3600, -1, 0, 1, 3600].randomElement(using: &state.generator) ?? 0
        state.offset += jump * 1_000_000_000
        return Int(Date().timeIntervalSince1970 * 1e6) * 1000 + state.offset
      }
    }

    /// Somebody else is busy at the first look.
    func pressure() -> Double {
      state.withLock { state in
        state.looksAtPressure += 1
        return state.looksAtPressure == 1 ? 90 : 0
      }
    }
  }

  /// What came of the jobs.
  private struct Outcome: Sendable {
    var jobs: [Job] = []
    var notes: [String: [String]] = [:]
    var seconds = 0.0
  }

  func run(_ trial: Trial) throws {
    let jump = Self.jumps[trial.index % Self.jumps.count]
    trial.tell("the clock jumps by \(jump.map { "\($0) s" } ?? "any of them")")
    let path = trial.scratch.appending(path: "results.sqlite").path
    let clock = JumpyClock(seconds: jump, generator: trial.generator)
    // To wait for quiet takes a while: once in a round.
    let waits = jump == nil
    let program = trial.program
    try checkSteadyClock(trial)
    let outcome = try Waiting.forResult {
      try await Self.measure(path, clock, program, waitsForQuiet: waits)
    }
    for job in outcome.jobs { try check(job, outcome, jump, trial) }
  }

  /// What batches are timed by is the kernel's clock that nobody can set.
  private func checkSteadyClock(_ trial: Trial) throws {
    let before = Int(DispatchTime.now().uptimeNanoseconds)
    let seen = Int(gb_monotonic_ns())
    let after = Int(DispatchTime.now().uptimeNanoseconds)
    try trial.expect(
      (before...after).contains(seen), "batches are timed by \(seen), not by \(before)...\(after)")
  }

  private func check(_ job: Job, _ outcome: Outcome, _ jump: Int?, _ trial: Trial) throws {
    let name = "job \(job.id)"
    try trial.expect(job.state, is: .done, "\(name), \(job.reason ?? "without a reason")")
    guard let started = job.startedUnixNanoseconds, let ended = job.endedUnixNanoseconds,
      let session = job.session
    else { throw Finding("\(name) has no times") }
    try trial.expect(
      started >= job.submittedUnixNanoseconds, "\(name) began before it was submitted")
    let took = Double(ended - started) / 1e9
    try trial.expect(took >= 0, "\(name) took \(took) s")
    try trial.expect(
      took <= outcome.seconds, "\(name) took \(took) s of \(outcome.seconds) s that passed")
    // Where it jumps as it comes, one jump can undo another.
    if jump != nil {
      let notes = outcome.notes[session] ?? []
      try trial.expect(
        notes.contains { $0.contains("clock was put") },
        "\(name) has no word of the clock: \(notes)")
    }
  }

  private static func measure(
    _ path: String, _ clock: JumpyClock, _ program: String, waitsForQuiet: Bool
  ) async throws -> Outcome {
    let store = try ResultStore(path: path)
    let begin = ContinuousClock.now
    let service = JobService.ofTrial(
      store, program, pressurePercent: { clock.pressure() }, now: { clock.now() })
    try await service.start()
    var outcome = Outcome()
    for number in 0..<3 {
      var request = JobRequest(
        scenario: Scenario(
          workload: "ping-pong", backends: ["native"], blocks: 1, batchesPerVisit: 1, seed: 7))
      if waitsForQuiet && number == 0 {
        request.quiet = QuietCondition(pressurePercentMax: 10, deadlineSeconds: 1000)
      }
      let id = try await service.submit(request, client: "trial", key: nil).job.id
      for await update in try await service.updates(job: id) {
        if case .state(let job) = update, job.state.isFinal { outcome.jobs.append(job) }
      }
    }
    await service.drain(deadline: .seconds(60))
    let passed = (ContinuousClock.now - begin).components
    outcome.seconds = Double(passed.seconds) + Double(passed.attoseconds) / 1e18
    for session in outcome.jobs.compactMap(\.session) {
      outcome.notes[session] = try store.report(session).notes
    }
    return outcome
  }
}
