// Crashes of writers: killed at any operation, killed from outside, and without power.

import Foundation
import ResultStore
import StressKit

struct CrashWrites: StressClass {
  let about = StressClassAbout(
    name: "crash-writes",
    injection: "a writer is killed at the n-th operation or from outside; the power fails",
    expectation: "kill -9 loses nothing that was acknowledged; a power failure loses at most the "
      + "newest, none from before the last checkpoint; nothing is torn",
    goal: "0 lost, 0 torn in 1,000 kills and 1,000 power failures",
    unit: "crashes",
    trials: TrialCounts(pr: 90, nightly: 3000))

  private enum Way: CaseIterable { case atAnOperation, fromOutside, power }

  func run(_ trial: Trial) throws {
    try FaultVFS.install()
    let way = Way.allCases[trial.index % Way.allCases.count]
    let count = Int.random(in: 14...30, using: &trial.generator)
    var script = StoreScript(count: count, seed: trial.generator.next())
    let template = try StoreTemplate(in: trial.scratch, steps: 10, seed: trial.generator.next())
    let path = trial.scratch.appending(path: "results.sqlite").path
    // A share, so that it stays within a script that was made shorter.
    let share = Double.random(in: 0..<1, using: &trial.generator)
    let losing = trial.generator
    script.kept = trial.steps(of: count)
    for number in script.kept { trial.tell("step \(number): \(script.steps[number])") }

    try template.copy(to: path)
    switch way {
    case .fromOutside:
      let acknowledgements = Int(share * Double(script.kept.count))
      trial.tell("killed after \(acknowledgements) acknowledgements")
      try kill(script, path, template, after: acknowledgements, plan: nil)
    case .atAnOperation, .power:
      FaultVFS.clear()
      do {
        let store = try ResultStore(path: path)
        var run = ScriptRun(script)
        run.all(on: store)
        guard run.errors == 0 else { throw Finding("a run failed without any fault") }
      }
      let first = 1 + Int(share * Double(FaultVFS.counted))
      trial.tell("\(way), operation \(first)")
      try template.copy(to: path)
      let plan = FaultVFS.Plan(
        operations: .all, deed: way == .power ? .power : .kill, first: first)
      if way == .power {
        try losePower(script, path, template, plan, losing)
      } else {
        try kill(script, path, template, after: nil, plan: plan)
      }
    }
    trial.count()
  }

  /// A child does the script until it is killed.
  private func kill(
    _ script: StoreScript, _ path: String, _ template: StoreTemplate, after count: Int?,
    plan: FaultVFS.Plan?
  ) throws {
    let child = try Child { tell in
      if let plan { FaultVFS.set(plan) }
      var run = ScriptRun(script)
      // A store that does not open tells nothing, and then it must not have lost anything.
      guard let store = try? ResultStore(path: path) else { return }
      run.all(on: store) { tell("\($0)") }
    }
    var acknowledged: [Int] = []
    while count.map({ acknowledged.count < $0 }) ?? true, let line = child.line() {
      if let number = Int(line) { acknowledged.append(number) }
    }
    if count != nil { child.kill() }
    // What it told before the signal came.
    acknowledged += child.lines().compactMap { Int($0) }
    let ending = child.wait()
    guard ending == .killed(SIGKILL) || ending == .exited(0) else {
      throw Finding("the writer ended by \(ending)")
    }
    let begun = script.kept.first { $0 > acknowledged.last ?? -1 && script.isPossible($0) }
    let run = ScriptRun(script, acknowledged: acknowledged, begun: begun)
    try StoreAudit.reopen(
      path, script, run.fates, before: template.before,
      "killed after \(acknowledged.count) acknowledgements")
  }

  private func losePower(
    _ script: StoreScript, _ path: String, _ template: StoreTemplate, _ plan: FaultVFS.Plan,
    _ generator: TrialGenerator
  ) throws {
    var generator = generator
    FaultVFS.remember()
    FaultVFS.set(plan)
    var run = ScriptRun(script)
    do {
      // Without power nothing opens; then it was opened before, and has all.
      if let store = try? ResultStore(path: path) { run.all(on: store) }
    }
    FaultVFS.clear()
    try FaultVFS.lose(&generator)
    // Nothing of it outlives the machine.
    try? FileManager.default.removeItem(atPath: path + "-shm")
    let place = "power failed at operation \(plan.first)"
    let fates: [Int: Fate]
    do {
      let audit = try StoreAudit(ResultStore(path: path), script)
      fates = try Self.survived(run, audit)
    } catch {
      throw Finding("\(place): \(error)")
    }
    try StoreAudit.reopen(path, script, fates, before: template.before, place)
  }

  /// What a power failure leaves: a beginning of what was done, at least up to the last checkpoint
  /// that emptied the log.
  private static func survived(_ run: ScriptRun, _ audit: StoreAudit) throws -> [Int: Fate] {
    let script = run.script
    let lost = script.kept.first { run.fates[$0] != nil && audit.has($0) == false }
    let end = lost ?? script.steps.count
    if let safe = run.emptied.max(),
      let lost = script.kept.first(where: {
        $0 < safe && run.fates[$0] == .acknowledged && audit.has($0) == false
      })
    {
      throw Finding("step \(lost), \(script.steps[lost]), is lost; step \(safe) was a checkpoint")
    }
    var fates: [Int: Fate] = [:]
    for (number, fate) in run.fates where number < end {
      // What cannot be seen may be there or not.
      fates[number] = audit.has(number) == nil ? .refused : fate
    }
    return fates
  }
}
