// `greenbench stress run`: makes the trials of classes, and tells of each class as it ends.

import ArgumentParser
import BenchmarkRunner
import Foundation
import Reports
import StressKit
import StressRunner

/// Reads the name of a profile.
enum ProfileText {
  static func parse(_ text: String) throws -> StressProfile {
    guard let profile = StressProfile(rawValue: text) else {
      let names = StressProfile.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("there is no profile \"\(text)\"; write one of \(names)")
    }
    return profile
  }
}

/// `greenbench stress run [class...]`.
struct StressRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs classes of faults, all if none is named.",
    discussion: """
      Exit code 0 says that every trial went as it should, 3 that one did not: then its command for \
      a replay is printed. What could not be tried here is said, and is neither. Ctrl-C ends it after \
      the trials that are being made, but for a soak, which is left; a second one, half a second later or \
      more, ends it at once and without a report.
      """)

  @Argument(help: ArgumentHelp("Classes, as `stress list` names them.", valueName: "class"))
  var classes: [String] = []

  @Option(help: "How much is tried: pr, nightly or soak.", transform: ProfileText.parse)
  var profile = StressProfile.pr

  @Option(help: "Go on for about so many seconds in all, in place of the profile's trials.")
  var seconds: Int?

  @Option(
    help:
      "Make so many trials of each class, in place of the profile's, beside those that failed once."
  )
  var trials: Int?

  @Option(help: "What all that is random comes from. Any if not given; it is printed.")
  var seed: String?

  @Option(help: "How many classes run beside one another.")
  var lanes = max(1, ProcessInfo.processInfo.activeProcessorCount)

  @Flag(help: "End at the first failure.")
  var first = false

  @OptionGroup var executor: StressExecutor
  @OptionGroup var output: StressOutput

  func validate() throws {
    if let seed, SeedText.parse(seed) == nil {
      throw ValidationError("the seed \"\(seed)\" is none; write \(SeedText.form)")
    }
    if seconds != nil, trials != nil {
      throw ValidationError("--seconds and --trials exclude each other")
    }
    for (name, value) in [("seconds", seconds), ("trials", trials), ("lanes", lanes)] {
      if let value, value < 1 {
        throw ValidationError("--\(name) \(value) is too few; 1 is the least")
      }
    }
    for name in classes { _ = try StressClasses.named(name) }
    try executor.check(isAskedBy: classes)
  }

  /// The command line that makes the same run again.
  private func command(_ plan: StressPlan) -> String {
    var words = ["greenbench stress run"] + classes
    words += ["--profile", profile.rawValue, "--seed", TrialToken.text(of: plan.seed)]
    // A class's share of the time depends on how many run beside one another.
    let beside = seconds == nil ? nil : lanes
    for (name, value) in [("--seconds", seconds), ("--trials", trials), ("--lanes", beside)] {
      if let value { words += [name, "\(value)"] }
    }
    if let worker = plan.executor { words += ["--worker", StressPlan.quoted(worker)] }
    return (words + (first ? ["--first"] : [])).joined(separator: " ")
  }

  func run() throws {
    let chosen = StressClasses.all.map(\.about).filter {
      classes.isEmpty || classes.contains($0.name)
    }
    if let worker = executor.worker { try StressExecutor.checkStart(of: worker) }
    try output.prepare()
    try StressClasses.makeScratch()
    defer { StressClasses.removeScratch() }
    let stop = StressStop(isPatient: true)
    defer { withExtendedLifetime(stop) {} }
    var plan = StressPlan(
      classes: chosen, profile: profile,
      seed: seed.flatMap(SeedText.parse) ?? .random(in: 1...UInt64.max), lanes: lanes,
      program: ThisProgram.path, scratch: StressClasses.scratch)
    plan.seconds = seconds
    plan.trials = trials
    plan.stopsAtFirst = first
    plan.executor = executor.worker
    var hooks = StressHooks()
    hooks.shouldStop = stop.question
    hooks.ended = { GreenbenchCommand.tell(StressTable.line($0)) }
    GreenbenchCommand.tell("seed \(TrialToken.text(of: plan.seed)), profile \(profile.rawValue)")
    var report = StressRunner.run(plan, machine: StressClasses.machine, hooks: hooks)
    stop.trialsAreOver()
    report.command = command(plan)
    try output.conclude(report)
  }
}
