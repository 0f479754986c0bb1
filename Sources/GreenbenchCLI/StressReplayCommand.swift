// `greenbench stress replay`: makes trials again.

import ArgumentParser
import BenchmarkRunner
import Foundation
import Reports
import StressKit
import StressRunner

/// `greenbench stress replay <token|file>`.
struct StressReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Makes one trial again, exactly.",
    discussion: """
      A trial is CLASS/SEED/NUMBER, perhaps with the steps that are left out, as a failure prints it. \
      A file is a report that `stress run --json` wrote: all of its failures are made again. A seed \
      alone runs all classes with it.
      """)

  @Argument(help: "The trial, a report's file, or a seed.")
  var what: String

  @Option(help: "The profile it was found with.", transform: ProfileText.parse)
  var profile = StressProfile.pr

  @OptionGroup var executor: StressExecutor
  @OptionGroup var output: StressOutput

  static func refusal(_ text: String) -> ValidationError {
    ValidationError(
      "\"\(text)\" is no trial; write CLASS/SEED/NUMBER as a failure prints it, as in leaks/0x51c2/7"
    )
  }

  func run() throws {
    defer { StressClasses.removeScratch() }
    if SeedText.parse(what) != nil {
      var all = try StressRunCommand.parse(["--seed", what, "--profile", profile.rawValue])
      all.executor = executor
      all.output = output
      return try all.run()
    }
    let tokens = try tokens()
    var reports: [StressReport] = []
    for token in tokens {
      let theClass = try StressClasses.named(token.className)
      var plan = StressPlan(
        classes: [theClass.about], profile: profile, seed: token.seed, lanes: 1,
        program: ThisProgram.path, scratch: StressClasses.scratch)
      plan.executor = executor.worker
      reports.append(try StressRunner.replay(token, plan, machine: StressClasses.machine))
    }
    guard var report = reports.first else {
      GreenbenchCommand.complain("\(what) has no failure in it; there is nothing to replay")
      throw ExitCode(ExitCodes.nothingRan.rawValue)
    }
    report.classes = reports.flatMap(\.classes).reduce(into: []) { all, one in
      if let place = all.firstIndex(where: { $0.name == one.name }) {
        all[place].add(one)
      } else {
        all.append(one)
      }
    }
    report.seconds = reports.reduce(0) { $0 + $1.seconds }
    for one in report.classes {
      FileHandle.standardError.write(Data("\(StressTable.line(one))\n".utf8))
    }
    try output.conclude(report)
  }

  private func tokens() throws -> [TrialToken] {
    if let token = TrialToken(what) { return [token] }
    guard let data = FileManager.default.contents(atPath: what) else { throw Self.refusal(what) }
    let report: StressReport
    do {
      report = try JSONDecoder().decode(StressReport.self, from: data)
    } catch {
      throw ValidationError("\(what) is no report; name a file that `stress run --json` wrote")
    }
    return report.classes.flatMap(\.findings).compactMap { TrialToken($0.token) }
  }
}
