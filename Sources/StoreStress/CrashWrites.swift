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

  /// What a writer says that has done its whole script.
  private static let atItsEnd = "at its end"

  /// A child does the script until it is killed.
  private func kill(
    _ script: StoreScript, _ path: String, _ template: StoreTemplate, after count: Int?,
    plan: FaultVFS.Plan?
  ) throws {
    let child = try Child { tell in
      if let plan { FaultVFS.set(plan) }
      var run = ScriptRun(script)
      do {
        let store = try ResultStore(path: path)
        run.all(on: store) { tell("\($0)") }
        // Who is killed from outside stays until then, with the store open.
        if plan == nil {
          if let error = run.firstError { tell("a step failed: \(error)") }
          tell(Self.atItsEnd)
          withExtendedLifetime(store) { while true { pause() } }
        }
      } catch {
        tell("the store did not open: \(error)")
      }
      if let error = run.firstError { tell("a step failed: \(error)") }
    }
    defer { child.end() }
    var lines: [String] = []
    while count.map({ lines.count < $0 }) ?? true, let line = child.line() {
      lines.append(line)
      if line == Self.atItsEnd { break }
    }
    if count != nil { child.kill() }
    // What it told before the signal came.
    lines += child.lines()
    // A writer that came to its end was no crash, and nothing was tried.
    guard child.wait() == .killed(SIGKILL) else {
      throw Finding("the writer was not killed: it ended by \(child.wait()), and said \(lines)")
    }
    if let trouble = lines.first(where: { Int($0) == nil && $0 != Self.atItsEnd }) {
      throw Finding("the writer, before it was killed: \(trouble)")
    }
    let acknowledged = lines.compactMap { Int($0) }
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
    let error: StoreError?
    do {
      let store = try ResultStore(path: path)
      run.all(on: store)
      error = run.firstError
    } catch let refusal {
      // Without power nothing opens; then it was opened before, and has all.
      error = refusal
    }
    let met = FaultVFS.met
    FaultVFS.clear()
    try FaultVFS.lose(&generator)
    // Nothing of it outlives the machine; most often it is gone already.
    try? FileManager.default.removeItem(atPath: path + "-shm")
    let place = "power failed at operation \(plan.first)"
    guard met > 0 else { throw Finding("\(place): the run never came there") }
    try Verdicts.isHonest(error, place)
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
