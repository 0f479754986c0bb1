// The options that say how a run is queued, and how long it may take.

import ArgumentParser
import BenchmarkRunner
import DaemonAPI
import Foundation
import Reports

/// How a job takes its turn.
struct JobOptions: ParsableArguments {
  /// Percent of the last ten seconds; what an idle machine with a few services stays below.
  static let quietPercent = 5.0
  static let quietDeadline = "10m"

  @Flag(help: "Measure in this process, whether a daemon runs or not.")
  var noDaemon = false

  @Flag(help: "Leave the job to the daemon: print its number and end.")
  var detach = false

  @Flag(help: "End with exit code 75 if the daemon has other jobs.")
  var noWait = false

  @Option(
    help: ArgumentHelp("From -10 to 10; jobs of a greater one go first.", valueName: "number"))
  var priority = 0

  @Option(
    defaultAsFlag: JobOptions.quietPercent, parsing: .next,
    help: ArgumentHelp(
      "Let the daemon wait until tasks wait for a CPU less than this share of the time.",
      valueName: "percent"))
  var waitForQuiet: Double? = nil

  @Option(
    help: ArgumentHelp(
      "How long --wait-for-quiet waits before the job expires. Standard: 10m.",
      valueName: "duration"))
  var quietDeadline: String?

  @Option(
    help: ArgumentHelp(
      "The most time that measuring may take; complete blocks are stored.", valueName: "duration"))
  var timeBudget: String?

  func validate() throws {
    guard DaemonProtocol.priorities.contains(priority) else {
      throw ValidationError("--priority is \(priority); choose from -10 to 10")
    }
    if let waitForQuiet, !(0...100).contains(waitForQuiet) {
      throw ValidationError("--wait-for-quiet is \(waitForQuiet); choose from 0 to 100 percent")
    }
    if quietDeadline != nil, waitForQuiet == nil {
      throw ValidationError("--quiet-deadline is for --wait-for-quiet; give both")
    }
    for (name, text) in [("--quiet-deadline", quietDeadline), ("--time-budget", timeBudget)] {
      if let text, Self.seconds(text) == nil {
        throw ValidationError("\(name) is \(text); write a duration, as in 90s, 10m or 1h")
      }
    }
    if noDaemon {
      let needs = [
        (detach, "--detach"), (noWait, "--no-wait"), (waitForQuiet != nil, "--wait-for-quiet"),
      ]
      if let (_, name) = needs.first(where: \.0) {
        throw ValidationError("\(name) needs the daemon; leave out --no-daemon")
      }
    }
  }

  /// The options that no process but a daemon can fulfil.
  var needsDaemon: String? {
    if detach { return "--detach" }
    return waitForQuiet == nil ? nil : "--wait-for-quiet"
  }

  /// The time that measuring may take.
  var budget: Duration? { timeBudget.flatMap(Self.seconds).map { .seconds($0) } }

  /// A request to a daemon.
  func request(_ scenario: Scenario, commandLine: String) -> JobRequest {
    // Only for the record: a command line of a thousand parameters is cut, the job is not.
    let line = String(decoding: commandLine.utf8.prefix(4000), as: UTF8.self)
    return JobRequest(
      scenario: scenario, commandLine: line, priority: priority,
      quiet: waitForQuiet.map {
        QuietCondition(
          pressurePercentMax: $0,
          deadlineSeconds: Self.seconds(quietDeadline ?? Self.quietDeadline) ?? 600)
      },
      timeBudgetSeconds: timeBudget.flatMap(Self.seconds))
  }

  /// Reads a duration: a whole number with s, m or h, or what scenario files take.
  static func seconds(_ text: String) -> Double? {
    for (unit, size) in [("m", 60.0), ("h", 3600.0)] where text.hasSuffix(unit) {
      return Quantity.integer(String(text.dropLast())).flatMap { $0 > 0 ? Double($0) * size : nil }
    }
    return Quantity.nanoseconds(text).map { Double($0) / 1e9 }
  }
}
