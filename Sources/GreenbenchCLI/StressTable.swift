// A report of stress classes as a table for people.

import Foundation
import Reports

enum StressTable {
  /// One class in a line, as it ends.
  static func line(_ one: StressClassReport) -> String {
    let state = one.failures > 0 ? "FAILED" : one.trials == 0 ? "skipped" : "ok"
    let seconds = String(format: "%.1f s", one.seconds)
    var line = pad(one.name, 22) + pad(state, 9) + pad("\(one.trials) trials", 15)
    line += pad("\(one.checks) \(one.unit)", 24) + seconds
    for reason in one.skipped { line += "\n  skipped: \(reason)" }
    for finding in one.findings {
      line += "\n  \(finding.what)"
      if let steps = finding.steps, let left = finding.stepsLeft {
        line += "\n  \(left) of \(steps) steps are left after shrinking"
      }
      line += "\n  replay: \(finding.replay)"
    }
    return line
  }

  /// The whole, after all lines have been shown: what it comes to.
  static func text(_ report: StressReport) -> String {
    let failed = report.classes.filter { $0.failures > 0 }
    let skipped = report.classes.filter { $0.trials == 0 }
    let trials = report.classes.reduce(0) { $0 + $1.trials }
    let (classes, failures) = (report.classes.count, report.failures)
    var text = "\(classes) \(classes == 1 ? "class" : "classes"), "
    text += "\(trials) \(trials == 1 ? "trial" : "trials"), seed \(report.seed): "
    text +=
      trials == 0
      ? "nothing was tried"
      : failed.isEmpty
        ? "all as it must be" : "\(failures) \(failures == 1 ? "failure" : "failures") in "
    text += failed.map(\.name).joined(separator: ", ")
    if !skipped.isEmpty {
      text += "; not tried here: " + skipped.map(\.name).joined(separator: ", ")
    }
    if report.isInterrupted { text += "; ended early" }
    return text
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text.count < width ? text.padding(toLength: width, withPad: " ", startingAt: 0) : text + " "
  }
}
