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

  @Option(
    help: "The profile it was found with. Standard: what the file says, or pr.",
    transform: ProfileText.parse)
  var profile: StressProfile?

  @OptionGroup var executor: StressExecutor
  @OptionGroup var output: StressOutput

  static func refusal(_ text: String) -> ValidationError {
    ValidationError(
      "\"\(text)\" is no trial and no file; write CLASS/SEED/NUMBER as a failure prints it, as in leaks/0x51c2/7"
    )
  }

  /// What to make again, and how it was made.
  private struct Found {
    var tokens: [(token: TrialToken, profile: StressProfile)]
    var worker: String?
  }

  func run() throws {
    if SeedText.parse(what) != nil {
      var all = try StressRunCommand.parse(
        ["--seed", what, "--profile", (profile ?? .pr).rawValue])
      all.executor = executor
      all.output = output
      return try all.run()
    }
    let found = try found()
    let classes = try found.tokens.map { try StressClasses.named($0.token.className).about }
    guard !classes.isEmpty else {
      GreenbenchCommand.complain("\(what) has no failure in it; there is nothing to replay")
      throw ExitCode(ExitCodes.nothingRan.rawValue)
    }
    try executor.check(isAskedBy: classes.map(\.name))
    let worker = executor.worker ?? found.worker
    if let worker, classes.contains(where: { $0.name == "executor" }) {
      try StressExecutor.checkStart(of: worker)
    }
    try output.prepare()
    try StressClasses.makeScratch()
    defer { StressClasses.removeScratch() }
    let stop = StressStop(isPatient: false)
    defer { withExtendedLifetime(stop) {} }
    var reports: [StressReport] = []
    for (one, about) in zip(found.tokens, classes) {
      let token = one.token
      var plan = StressPlan(
        classes: [about], profile: profile ?? one.profile, seed: token.seed, lanes: 1,
        program: ThisProgram.path, scratch: StressClasses.scratch)
      plan.executor = worker
      reports.append(try StressRunner.replay(token, plan, machine: StressClasses.machine))
    }
    var report = reports[0]
    report.classes = reports.flatMap(\.classes).reduce(into: []) { all, one in
      if let place = all.firstIndex(where: { $0.name == one.name }) {
        all[place].add(one)
      } else {
        all.append(one)
      }
    }
    report.seconds = reports.reduce(0) { $0 + $1.seconds }
    for one in report.classes { GreenbenchCommand.tell(StressTable.line(one)) }
    try output.conclude(report)
  }

  private func found() throws -> Found {
    if let token = TrialToken(what) { return Found(tokens: [(token, .pr)]) }
    switch OutputFile.kind(of: URL(filePath: what).resolvingSymlinksInPath().path) {
    case .typeRegular: break
    case .typeDirectory: throw ValidationError("\(what) is a folder; name a report's file in it")
    case nil: throw Self.refusal(what)
    // Somebody may never write to it, and then nobody learns why nothing happens.
    default: throw ValidationError("\(what) is no regular file; write the report to one")
    }
    guard let data = FileManager.default.contents(atPath: what) else {
      throw ValidationError("\(what) cannot be read; name a report that you may read")
    }
    let report: StressReport
    do {
      report = try JSONDecoder().decode(StressReport.self, from: data)
    } catch {
      throw ValidationError("\(what) is no report; name a file that `stress run --json` wrote")
    }
    guard report.format == StressReport.format else {
      throw ValidationError(
        "\(what) is of format \(report.format), and this program reads \(StressReport.format); "
          + "replay it with the program that wrote it")
    }
    guard let profile = StressProfile(rawValue: report.profile) else {
      throw ValidationError(
        "\(what) has the profile \"\(report.profile)\", which there is not; mend the file")
    }
    let tokens = try report.classes.flatMap(\.findings).map { finding in
      guard let token = TrialToken(finding.token) else {
        throw ValidationError(
          "\"\(finding.token)\" in \(what) is no trial; write CLASS/SEED/NUMBER in its place")
      }
      // Not all trials of a run have its profile: one that takes hours may be made as in pr.
      return (token, finding.replay.isEmpty || finding.replay.contains("--profile") ? profile : .pr)
    }
    return Found(tokens: tokens, worker: report.worker)
  }
}
