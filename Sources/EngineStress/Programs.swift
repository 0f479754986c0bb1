// Random programs over greenlets, against a model of the rules that knows no stacks.

import Greenlets
import Stacks
import StressKit

/// Runs many short programs, each as the model foretells it.
struct Programs: StressClass {
  let about = StressClassAbout(
    name: "programs",
    injection: "random programs of switch, throw, kill, drop, reparent, raise, return and freeze",
    expectation: "every step is taken by whom the rules say, with what they say; nothing is left",
    goal: "10^6 programs a night",
    unit: "programs",
    trials: TrialCounts(pr: 200, nightly: 10_000))

  /// How many programs a trial has, and how many steps each.
  static let programs = 100
  static let steps = 48

  /// How many stacks there are where they are scarce.
  private static let scarce = 3

  func run(_ trial: Trial) throws {
    let modes = ProgramMode.allCases
    let mode = modes[trial.index % modes.count]
    let all = (0..<Self.programs * Self.steps).map { number in
      ProgramStep.random(&trial.generator, mode, number % Self.steps)
    }
    let kept = trial.steps(of: all.count)
    if EngineCounters.onUnraisable == nil { EngineCounters.onUnraisable = { _ in } }
    try StressThread.run {
      let pool = StackPool(stackSize: .kibibytes(256))
      if mode != .sliced { StackStrategy.ofThisThread = .pool(pool) }
      var first = 0
      while first < kept.count {
        let program = kept[first] / Self.steps
        let last = kept[first...].firstIndex { $0 / Self.steps != program } ?? kept.count
        try one(trial, program, kept[first..<last].map { all[$0] }, mode, pool)
        first = last
      }
    }
  }

  /// Runs one program, and compares.
  private func one(
    _ trial: Trial, _ program: Int, _ steps: [ProgramStep], _ mode: ProgramMode, _ shared: StackPool
  ) throws {
    let pool =
      mode == .scarce ? StackPool(stackSize: .kibibytes(256), limit: Self.scarce) : shared
    let plan = ProgramModel.plan(
      steps, stacksMax: mode == .scarce ? Self.scarce : nil, isWatched: mode == .watched)
    let before = GreenletCensus.now
    let unraisable = EngineCounters.unraisableOfThisThread
    let swallowed = EngineCounters.swallowedExits
    let (lines, loads) = ProgramPlayer.run(plan, mode, pool) { step, applies in
      if trial.isAloud { trial.tell("\(program): \(step.words)\(applies ? "" : " (not now)")") }
    }
    if lines != plan.lines {
      throw difference(trial, program, plan, lines, mode)
    }
    let after = GreenletCensus.now
    let what = "program \(program), \(mode.rawValue):"
    try trial.expect(
      EngineCounters.unraisableOfThisThread - unraisable, is: plan.unraisable,
      "\(what) errors that nobody took")
    try trial.expect(
      after.suspended - before.suspended, is: plan.leftOver, "\(what) suspended greenlets left")
    try trial.expect(
      after.quarantined - before.quarantined, is: plan.quarantined, "\(what) quarantined greenlets")
    try trial.expect(
      EngineCounters.swallowedExits - swallowed, is: plan.swallowed, "\(what) swallowed exits")
    if plan.leftOver == 0 && plan.quarantined == 0 {
      try trial.expect(loads, is: 0, "\(what) messages, errors and bodies left")
      try trial.expect(after.unstarted - before.unstarted, is: 0, "\(what) unstarted ones left")
      if mode == .scarce {
        try trial.expect(pool.lentCount, is: 0, "\(what) stacks that are not back")
      }
    }
    trial.count()
  }

  /// Says where a run left its model.
  private func difference(
    _ trial: Trial, _ program: Int, _ plan: ProgramPlan, _ lines: [ProgramLine], _ mode: ProgramMode
  ) -> Finding {
    let place = zip(lines, plan.lines).enumerated().first { $1.0 != $1.1 }?.offset
    let index = place ?? min(lines.count, plan.lines.count)
    func line(_ lines: [ProgramLine]) -> String {
      index < lines.count ? "\"\(lines[index])\"" : "nothing"
    }
    for (step, applies) in plan.entries where !trial.isAloud {
      trial.tell("\(program): \(step.words)\(applies ? "" : " (not now)")")
    }
    trial.attach("model", plan.lines.map(\.description).joined(separator: "\n"))
    trial.attach("trace", lines.map(\.description).joined(separator: "\n"))
    return Finding(
      """
      program \(program), \(mode.rawValue): event \(index) was \(line(lines)), \
      and by the rules is \(line(plan.lines))
      """)
  }
}
