// All trials of one class: made by processes, counted, and the failures among them shrunk.

import Dispatch
import Foundation
import Reports
import StressKit

/// The trials of one class.
struct ClassRun {
  let about: StressClassAbout
  let plan: StressPlan
  let shouldStop: @Sendable () -> Bool

  /// After how many failures a class ends: each takes a while to shrink.
  static let failuresMax = 5

  /// How long one failure is shrunk, and in how many tries.
  static let shrinkSeconds = 20.0
  static let shrinkTries = 300

  /// How many trials a process is asked for at once when time is what ends the run.
  private static let trialsAtOnce = 1 << 20

  /// How one trial went, from outside.
  private struct Outcome {
    var result: TrialResult?

    /// As the trial told them.
    var steps: Int?

    /// How the process ended instead of the trial.
    var death: String?
    var said: [String] = []

    /// Why nobody waited for its end.
    var givenUp: String?
  }

  /// Makes the trials.
  ///
  /// - Parameter deadline: When to stop, where time is what ends it; at least one trial is made.
  /// - Returns: What they came to.
  func report(until deadline: DispatchTime?) -> StressClassReport {
    var report = StressClassReport(name: about.name, unit: about.unit)
    let start = DispatchTime.now()
    let profile = plan.profile(of: about)
    // One that takes hours is made once, however many of the others are.
    let asked = about.isLong && profile != .pr ? nil : plan.trials
    let count = deadline == nil ? asked ?? about.trials[profile] : Self.trialsAtOnce
    for regression in plan.regressions where regression.className == about.name {
      take(once(regression), of: regression, into: &report)
    }
    var next = 0
    var goesOn = report.failures == 0
    while next < count && goesOn && !(about.isLong && shouldStop()) {
      follow(token(next), count: count - next) { outcome, index in
        next = index + 1
        take(outcome, of: token(index), into: &report)
        let isEnough = report.failures >= (plan.stopsAtFirst ? 1 : Self.failuresMax)
        goesOn = !isEnough && !shouldStop() && deadline.map { DispatchTime.now() < $0 } ?? true
        return goesOn
      }
    }
    report.seconds = Self.seconds(since: start)
    return report
  }

  /// Makes one trial again.
  func replay(_ token: TrialToken) -> StressClassReport {
    var report = StressClassReport(name: about.name, unit: about.unit)
    let start = DispatchTime.now()
    take(once(token), of: token, into: &report, isShrunk: true)
    report.seconds = Self.seconds(since: start)
    return report
  }

  private func token(_ index: Int) -> TrialToken {
    TrialToken(className: about.name, seed: plan.seed, index: index)
  }

  private func take(
    _ outcome: Outcome, of token: TrialToken, into report: inout StressClassReport,
    isShrunk: Bool = false
  ) {
    if let result = outcome.result {
      report.checks += result.checks
      for (name, value) in result.figures {
        report.figures[name] = max(report.figures[name] ?? value, value)
      }
      if case .skipped(let reason) = result.verdict {
        if !report.skipped.contains(reason) { report.skipped.append(reason) }
        return
      }
    }
    if let reason = outcome.givenUp {
      report.skipped.append(reason)
      return
    }
    report.trials += 1
    guard let finding = finding(outcome, token) else { return }
    report.failures += 1
    report.findings.append(isShrunk ? finding : shrunk(finding, token, steps: outcome.steps))
  }

  /// nil when the trial went as it should.
  private func finding(_ outcome: Outcome, _ token: TrialToken) -> StressFinding? {
    var finding: StressFinding
    switch (outcome.result?.verdict, outcome.death) {
    case (.failed(let what), _):
      finding = StressFinding(
        token: "\(token)", what: what, artefacts: outcome.result?.artefacts ?? [:],
        options: plan.replayOptions(of: about))
    case (nil, .some(let death)):
      finding = StressFinding(
        token: "\(token)", what: "the process of the trial \(death)",
        options: plan.replayOptions(of: about))
    default: return nil
    }
    if !outcome.said.isEmpty {
      finding.artefacts["stderr"] = outcome.said.joined(separator: "\n")
    }
    finding.artefacts["seed"] = TrialToken.text(of: token.seed)
    return finding
  }

  /// The same failure with as few steps as can be found.
  private func shrunk(_ finding: StressFinding, _ token: TrialToken, steps: Int?) -> StressFinding {
    var smallest = finding
    var smallestToken = token
    // A token may leave steps out already.
    let made = Set(0..<(steps ?? 0)).subtracting(token.omitted).sorted()
    if let steps, made.count > 1 {
      struct Enough: Error {}
      let start = DispatchTime.now()
      var tries = 0
      let left = Shortening.shortest(made) { kept in
        tries += 1
        if tries > Self.shrinkTries || Self.seconds(since: start) > Self.shrinkSeconds
          || shouldStop()
        {
          throw Enough()
        }
        let omitted = Set(0..<steps).subtracting(kept).sorted()
        let smaller = TrialToken(
          className: token.className, seed: token.seed, index: token.index, omitted: omitted)
        guard let found = self.finding(once(smaller), smaller) else { return false }
        (smallest, smallestToken) = (found, smaller)
        return true
      }
      smallest.steps = steps
      smallest.stepsLeft = left.count
    }
    // One that died took its schedule with it; it is made once more, and tells each step at once.
    if smallest.artefacts["schedule"] == nil, steps != nil, !shouldStop() {
      let told = once(smallestToken, aloud: true).said.filter { $0.hasPrefix(Self.stepMark) }
      if !told.isEmpty {
        smallest.artefacts["schedule"] = told.map { String($0.dropFirst(Self.stepMark.count)) }
          .joined(separator: "\n")
      }
    }
    return smallest
  }

  private func once(_ token: TrialToken, aloud: Bool = false) -> Outcome {
    var only = Outcome()
    follow(token, count: 1, aloud: aloud) { outcome, _ in
      only = outcome
      return false
    }
    return only
  }

  /// Follows a process through its trials until it ends.
  ///
  /// - Parameters:
  ///   - first: The first trial.
  ///   - count: How many, one number after another.
  ///   - aloud: Whether the process tells each step on its standard error.
  ///   - took: Takes each outcome and says whether to go on.
  private func follow(
    _ first: TrialToken, count: Int, aloud: Bool = false, took: (Outcome, Int) -> Bool
  ) {
    // Short: the path of a socket has 107 bytes, and this is only its beginning.
    let name = String(UInt32.random(in: 0...UInt32.max), radix: 36)
    let scratch = plan.scratch.appending(path: name, directoryHint: .isDirectory)
    defer { Scratch.remove(scratch) }
    let process = TrialProcess(
      plan.program,
      arguments: [
        "stress", "trial", "\(first)", "--count", "\(count)", "--profile",
        plan.profile(of: about).rawValue,
        "--scratch", scratch.path,
      ] + (aloud ? ["--aloud"] : []) + (plan.executor.map { ["--executor", $0] } ?? []))
    var next = first.index
    var isRunning = false
    var steps: Int?
    while true {
      // To start a program may take long on a machine that is busy.
      let seconds = isRunning ? secondsMax : Self.startSeconds
      // Others come to their end first; an hour is too long for that.
      switch process.next(within: seconds, unless: { about.isLong && shouldStop() }) {
      case .line(.began(let index)): (next, isRunning, steps) = (index, true, nil)
      case .line(.planned(let count)): steps = count
      case .line(.ended(let result)):
        (next, isRunning) = (result.index + 1, false)
        guard took(Outcome(result: result, steps: steps), result.index) else {
          return process.end()
        }
      case .ended(let how, let isGood, let said):
        if isGood && !isRunning && next == first.index + count { return }
        let when = isRunning ? "" : "between two trials "
        _ = took(Outcome(steps: steps, death: "ended \(when)with \(how)", said: said), next)
        return
      case .givenUp:
        _ = took(Outcome(givenUp: "ended early, before its trial was over"), next)
        return
      case .silent(let said):
        let death = "was silent for \(seconds) s, and was killed"
        _ = took(Outcome(steps: steps, death: death, said: said), next)
        return
      }
    }
  }

  /// What a step begins with on the standard error of a process that tells them.
  static let stepMark = "step: "

  private static let startSeconds = 120

  /// One that takes an hour in a night takes less in other profiles.
  private var secondsMax: Int {
    about.isLong && plan.profile(of: about) == .pr ? Self.shortSeconds : about.secondsMax
  }

  private static let shortSeconds = 600

  static func seconds(since start: DispatchTime) -> Double {
    Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) / 1e9
  }
}
