// Runs stress classes: some beside one another, those that measure alone.

import Dispatch
import Foundation
public import Reports
public import StressKit
import Synchronization

/// Runs stress classes.
public enum StressRunner {
  /// Runs the classes of a plan.
  ///
  /// Blocks; not for a thread of Swift's tasks.
  ///
  /// - Parameters:
  ///   - plan: What to run.
  ///   - machine: What the report says of the machine and the program.
  ///   - hooks: What is told meanwhile.
  /// - Returns: What was found, in the plan's order.
  public static func run(
    _ plan: StressPlan, machine: [String: String], hooks: StressHooks
  ) -> StressReport {
    var report = StressReport(
      run: UUID().uuidString.lowercased(), startedUTC: Date.now.formatted(.iso8601),
      profile: plan.profile.rawValue, seed: TrialToken.text(of: plan.seed), machine: machine,
      classes: [])
    report.worker = plan.executor
    let start = DispatchTime.now()
    let ended = Mutex<[String: StressClassReport]>([:])
    let isOver = Atomic(false)
    let shouldStop: @Sendable () -> Bool = { isOver.load(ordering: .relaxed) || hooks.shouldStop() }
    // A class's share of the time; those that run beside one another each get the sum of theirs.
    let long = plan.classes.filter { $0.isLong && plan.profile(of: $0) != .pr }
    let shared = plan.classes.filter { !$0.isAlone && !long.contains($0) }
    let alone = plan.classes.filter(\.isAlone)
    let lanes = max(1, min(plan.lanes, shared.count))
    let turns = (shared.count + lanes - 1) / lanes + alone.count
    let share = plan.seconds.map { Double($0) / Double(max(1, turns)) }

    let runOne: @Sendable (StressClassAbout) -> Void = { about in
      if shouldStop() { return }
      hooks.began(about)
      let classRun = ClassRun(about: about, plan: plan, shouldStop: shouldStop)
      let one = classRun.report(until: share.map { .now() + $0 })
      ended.withLock { $0[about.name] = one }
      if plan.stopsAtFirst && one.failures > 0 { isOver.store(true, ordering: .relaxed) }
      hooks.ended(one)
    }
    let hours = DispatchGroup()
    for about in long {
      hours.enter()
      // Not one of the pool's threads: it waits most of the time, and for long.
      Thread.detachNewThread {
        runOne(about)
        hours.leave()
      }
    }
    let next = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: lanes) { _ in
      while true {
        let number = next.add(1, ordering: .relaxed).oldValue
        guard number < shared.count else { return }
        runOne(shared[number])
      }
    }
    hours.wait()
    for about in alone { runOne(about) }
    report.classes = ended.withLock { ended in plan.classes.compactMap { ended[$0.name] } }
    report.seconds = ClassRun.seconds(since: start)
    report.isInterrupted = hooks.shouldStop()
    return report
  }

  /// Kills the processes of all trials, and waits until they are gone.
  ///
  /// For somebody who leaves at once: what the trials would have told is lost.
  public static func abandon() { TrialProcess.killAll() }

  /// Makes one trial again, as its token says.
  ///
  /// - Parameters:
  ///   - token: The trial.
  ///   - plan: With the trial's class in it.
  ///   - machine: What the report says of the machine and the program.
  /// - Returns: A report on that trial alone.
  /// - Throws: `StressMisuse` when the plan has no such class.
  public static func replay(
    _ token: TrialToken, _ plan: StressPlan, machine: [String: String]
  ) throws(StressMisuse) -> StressReport {
    var plan = plan
    plan.seed = token.seed
    guard let about = plan.classes.first(where: { $0.name == token.className }) else {
      throw .noSuchClass(token.className)
    }
    var report = StressReport(
      run: UUID().uuidString.lowercased(), startedUTC: Date.now.formatted(.iso8601),
      profile: plan.profile.rawValue, seed: TrialToken.text(of: plan.seed), machine: machine,
      classes: [])
    report.worker = plan.executor
    let start = DispatchTime.now()
    report.classes = [ClassRun(about: about, plan: plan, shouldStop: { false }).replay(token)]
    report.seconds = ClassRun.seconds(since: start)
    return report
  }
}

/// What was asked for is not there.
public enum StressMisuse: Error, Hashable, CustomStringConvertible {
  case noSuchClass(String)

  public var description: String {
    switch self {
    case .noSuchClass(let name):
      "there is no stress class \"\(name)\"; `greenbench stress list` names them"
    }
  }
}
