// A report of stress classes as a page to keep: the numbers of each class beside its goal.

public import Reports
public import StressKit

/// Writes the page.
public enum StressMarkdown {
  /// The page of a report.
  ///
  /// - Parameters:
  ///   - report: What was found.
  ///   - classes: What is said of the classes.
  /// - Returns: Markdown.
  public static func text(_ report: StressReport, classes: [StressClassAbout]) -> String {
    let abouts = Dictionary(classes.map { ($0.name, $0) }) { first, _ in first }
    let facts = report.machine.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    let fallback = "greenbench stress run --profile \(report.profile) --seed \(report.seed)"
    var text = """
      # What the stress classes came to

      Made by `\(report.command ?? fallback) --markdown FILE` on \
      \(report.startedUTC): \(counted(report.failures, "failure")) in \
      \(counted(report.classes.count, "class", "classes")), \(Int(report.seconds)) s\(report.isInterrupted ? ", ended early" : "").

      | class | puts wrong | must be | goal | trials | looked at | failures | s | figures |
      |---|---|---|---|---:|---:|---:|---:|---|

      """
    for one in report.classes {
      let about = abouts[one.name]
      let figures = one.figures.sorted { $0.key < $1.key }.map { "\($0.key) \(short($0.value))" }
      let notes = figures + one.skipped.map { "skipped: \($0)" }
      let cells = [
        one.name, about?.injection ?? "", about?.expectation ?? "", about?.goal ?? "",
        "\(one.trials)", "\(grouped(one.checks)) \(one.unit)", "\(one.failures)",
        short(one.seconds), notes.joined(separator: "; "),
      ]
      text += "| " + cells.map(cell).joined(separator: " | ") + " |\n"
    }
    let findings = report.classes.flatMap(\.findings)
    for finding in findings {
      text += "\n- \(cell(finding.what)): `\(finding.replay)`"
    }
    if !findings.isEmpty { text += "\n" }
    return text + "\nThe machine: " + facts.joined(separator: ", ") + ".\n"
  }

  private static func counted(_ count: Int, _ one: String, _ more: String? = nil) -> String {
    "\(count) \(count == 1 ? one : more ?? one + "s")"
  }

  private static func cell(_ text: String) -> String {
    text.replacing("|", with: "\\|").replacing("\n", with: " ")
  }

  private static func grouped(_ number: Int) -> String {
    var text = ""
    for (place, digit) in String(number).reversed().enumerated() {
      if place > 0, place.isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  private static func short(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e15 { return grouped(Int(value)) }
    let scale: Double = abs(value) < 1 ? 10_000 : 10
    return "\((value * scale).rounded() / scale)"
  }
}
