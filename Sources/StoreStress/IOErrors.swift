// Errors of files: the n-th operation of SQLite fails, for every n of a whole run.

import Foundation
import ResultStore
import StressKit

struct IOErrors: StressClass {
  let about = StressClassAbout(
    name: "io-errors",
    injection: "the n-th read, write, sync, truncation, lock ... of a file fails, for every n",
    expectation: "what was acknowledged is there, what was refused is not there by halves",
    goal: "every n of one full run, 0 false \"stored\"",
    unit: "faults",
    trials: TrialCounts(pr: 10, nightly: 100))

  /// What goes wrong, and how long.
  private enum Mode: String, CaseIterable {
    case once, fromThereOn, halfAWrite, fullFromThereOn, quotaFromThereOn

    func plan(_ first: Int) -> FaultVFS.Plan {
      switch self {
      case .once: FaultVFS.Plan(operations: .all, first: first)
      case .fromThereOn: FaultVFS.Plan(operations: .all, first: first, count: .max)
      case .halfAWrite: FaultVFS.Plan(operations: .writes, deed: .half, first: first)
      case .fullFromThereOn:
        FaultVFS.Plan(operations: .writes, deed: .half, first: first, count: .max, error: ENOSPC)
      case .quotaFromThereOn:
        FaultVFS.Plan(operations: .writes, first: first, count: .max, error: EDQUOT)
      }
    }

    var operations: FaultVFS.Operations {
      switch self {
      case .once, .fromThereOn: .all
      case .halfAWrite, .fullFromThereOn, .quotaFromThereOn: .writes
      }
    }
  }

  /// Every trial takes each so many-th operation; so many trials in a row take all of a mode.
  private static let stepLength = 20

  func run(_ trial: Trial) throws {
    try FaultVFS.install()
    // The run is the same for all trials of a seed: together they meet each of its operations.
    let mode = Mode.allCases[trial.index % Mode.allCases.count]
    let rest = trial.index / Mode.allCases.count % Self.stepLength
    let template = try StoreTemplate(in: trial.scratch, steps: 10, seed: trial.token.seed)
    let script = StoreScript(count: 24, seed: trial.token.seed)
    let path = trial.scratch.appending(path: "results.sqlite").path
    var attempts: [(isNew: Bool, first: Int)] = []
    for isNew in [true, false] {
      let counted = try count(mode, script, isNew ? nil : template, path)
      trial.figure(isNew ? "operations, new file" : "operations", Double(counted))
      attempts += stride(from: rest + 1, through: counted, by: Self.stepLength).map { (isNew, $0) }
    }
    for number in trial.steps(of: attempts.count) {
      let (isNew, first) = attempts[number]
      trial.tell("\(isNew ? "a new file" : "an old file"), \(mode.rawValue), operation \(first)")
      try attempt(mode, first, script, isNew ? nil : template, path)
      trial.count()
    }
  }

  /// How many operations a run has when nothing fails.
  private func count(
    _ mode: Mode, _ script: StoreScript, _ template: StoreTemplate?, _ path: String
  ) throws -> Int {
    try begin(template, path)
    FaultVFS.set(FaultVFS.Plan(operations: mode.operations, first: .max))
    let run = self.run(script, path, isNew: template == nil)
    let counted = FaultVFS.counted
    FaultVFS.clear()
    if let error = run.error { throw Finding("a run failed without any fault: \(error)") }
    return counted
  }

  private func begin(_ template: StoreTemplate?, _ path: String) throws {
    if let template { try template.copy(to: path) } else { try StoreTemplate.remove(path) }
  }

  /// One run: what became of its steps, and the first error, which may be that the store did not open.
  ///
  /// A new file is only made, and gets an event.
  private func run(
    _ script: StoreScript, _ path: String, isNew: Bool
  ) -> (fates: [Int: Fate], error: StoreError?) {
    var script = script
    if isNew { script.kept = script.kept.filter { script.steps[$0] == .event } }
    do {
      let store = try ResultStore(path: path)
      var run = ScriptRun(script)
      run.all(on: store)
      return (run.fates, run.firstError)
    } catch {
      return ([:], error)
    }
  }

  private func attempt(
    _ mode: Mode, _ first: Int, _ script: StoreScript, _ template: StoreTemplate?, _ path: String
  ) throws {
    try begin(template, path)
    FaultVFS.set(mode.plan(first))
    let run = self.run(script, path, isNew: template == nil)
    let (met, what) = (FaultVFS.met, FaultVFS.firstMet)
    FaultVFS.clear()
    let place = "\(mode.rawValue), operation \(first), \(what)"
    guard met > 0 else { throw Finding("\(place): the run never came there") }
    try Verdicts.isHonest(run.error, place)
    try StoreAudit.reopen(path, script, run.fates, before: template?.before, place)
  }
}

/// What an error of the store may say.
enum Verdicts {
  /// A fault of the disk is not taken for damage, or for another program's file.
  static func isHonest(_ error: StoreError?, _ place: String) throws(Finding) {
    switch error {
    case .none, .busy, .full, .notWritable: return
    case .database(_, let code, _) where [10, 7].contains(code & 0xff): return
    case .some(let error): throw Finding("\(place): the store said \"\(error)\"")
    }
  }
}
