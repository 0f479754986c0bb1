// `greenbench stress run`: makes trials, shows, writes and stores what was found.

import ArgumentParser
import BenchmarkRunner
import Foundation
import Reports
import ResultStore
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

/// Where a report of stress classes goes.
struct StressOutput: ParsableArguments {
  @Option(help: ArgumentHelp("Write the report as JSON; - is standard output.", valueName: "file"))
  var json: String?

  @Option(help: ArgumentHelp("Write the report as JUnit's XML.", valueName: "file"))
  var junit: String?

  @Option(
    help: ArgumentHelp("Write the numbers beside their goals as Markdown.", valueName: "file"))
  var markdown: String?

  @Flag(help: "Do not keep the report in the result store.")
  var noStore = false

  @OptionGroup var store: StoreOptions

  /// Writes, stores, and ends with the exit code.
  func conclude(_ report: StressReport) throws {
    if let json {
      let text = try JSONDocument.text(report)
      if json == "-" { print(text) } else { try write(text + "\n", to: json) }
    }
    if let markdown {
      let abouts = StressClasses.all.map(\.about)
      try write(StressMarkdown.text(report, classes: abouts), to: markdown)
    }
    if let junit { try write(JUnit.text(report), to: junit) }
    if json != "-" { print(StressTable.text(report)) }
    if !noStore { try ResultStore(path: store.file).appendStress(report) }
    if report.failures > 0 { throw ExitCode(ExitCodes.rowFailed.rawValue) }
    if report.isInterrupted { throw ExitCode(ExitCodes.interrupted.rawValue) }
    if report.classes.allSatisfy({ $0.trials == 0 }) {
      GreenbenchCommand.complain("nothing was tried here; the table says why")
      throw ExitCode(ExitCodes.nothingRan.rawValue)
    }
  }

  private func write(_ text: String, to path: String) throws {
    do {
      try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw ValidationError("\(path) cannot be written; name a file in a folder that is there")
    }
  }
}

/// Whose executor is put to the test.
struct StressExecutor: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The executor that the class `executor` asks. Standard: this program's own worker.",
      valueName: "program"))
  var worker: String?

  func validate() throws {
    if let worker, !FileManager.default.isExecutableFile(atPath: worker) {
      throw ValidationError("\(worker) cannot be executed; name a program that speaks the protocol")
    }
  }
}

/// `greenbench stress run [class...]`.
struct StressRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs classes of faults, all if none is named.",
    discussion: """
      Exit code 0 says that every trial went as it should, 3 that one did not: then its command for \
      a replay is printed. What could not be tried here is said, and is neither.
      """)

  @Argument(help: ArgumentHelp("Classes, as `stress list` names them.", valueName: "class"))
  var classes: [String] = []

  @Option(help: "How much is tried: pr, nightly or soak.", transform: ProfileText.parse)
  var profile = StressProfile.pr

  @Option(help: "Go on for about so many seconds in all, in place of the profile's trials.")
  var seconds: Int?

  @Option(help: "Make so many trials of each class, in place of the profile's.")
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
  }

  func run() throws {
    let chosen = StressClasses.all.map(\.about).filter {
      classes.isEmpty || classes.contains($0.name)
    }
    let stop = StopFlag()
    let signals = StopSignals { count in
      if count > 1 { _exit(ExitCodes.interrupted.rawValue) }
      stop.raise()
    }
    defer { withExtendedLifetime(signals) {} }
    var plan = StressPlan(
      classes: chosen, profile: profile,
      seed: seed.flatMap(SeedText.parse) ?? .random(in: 1...UInt64.max), lanes: lanes,
      program: ThisProgram.path, scratch: StressClasses.scratch)
    plan.seconds = seconds
    plan.trials = trials
    plan.stopsAtFirst = first
    plan.executor = executor.worker
    var hooks = StressHooks()
    hooks.shouldStop = { stop.isUp }
    hooks.ended = { one in
      FileHandle.standardError.write(Data("\(StressTable.line(one))\n".utf8))
    }
    FileHandle.standardError.write(
      Data("seed \(TrialToken.text(of: plan.seed)), profile \(profile.rawValue)\n".utf8))
    defer { StressClasses.removeScratch() }
    try output.conclude(StressRunner.run(plan, machine: StressClasses.machine, hooks: hooks))
  }
}
