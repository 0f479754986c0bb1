// A report as JUnit's XML, which most services that run tests can show.

public import Reports

/// Writes JUnit's XML.
public enum JUnit {
  /// One suite for the run, one case for each class.
  public static func text(_ report: StressReport) -> String {
    let failed = report.classes.count { $0.failures > 0 }
    let skipped = report.classes.count { isSkipped($0) }
    let cases = report.classes.map(text).joined(separator: "\n")
    return """
      <?xml version="1.0" encoding="UTF-8"?>
      <testsuites>
      <testsuite name="greenbench stress \(escaped(report.profile))" tests="\(report.classes.count)" \
      failures="\(failed)" skipped="\(skipped)" time="\(rounded(report.seconds))" \
      timestamp="\(escaped(report.startedUTC))">
      <properties><property name="seed" value="\(escaped(report.seed))"/>\
      <property name="interrupted" value="\(report.isInterrupted)"/></properties>
      \(cases)
      </testsuite>
      </testsuites>

      """
  }

  private static func isSkipped(_ one: StressClassReport) -> Bool {
    one.trials == 0 && !one.skipped.isEmpty
  }

  private static func text(_ one: StressClassReport) -> String {
    let start =
      "<testcase classname=\"greenbench.stress\" name=\"\(escaped(one.name))\" "
      + "time=\"\(rounded(one.seconds))\""
    if one.failures > 0 {
      // The schema has room for one failure a case.
      let details = one.findings.map { finding in
        let artefacts = finding.artefacts.sorted { $0.key < $1.key }
          .map { "\($0.key):\n\($0.value)" }
        return ([finding.what, finding.replay] + artefacts).joined(separator: "\n\n")
      }
      let what = one.findings.first?.what ?? "\(one.failures) trials failed"
      return "\(start)><failure message=\"\(escaped(what))\">"
        + "\(escaped(details.joined(separator: "\n\n")))</failure></testcase>"
    }
    if isSkipped(one) {
      let reasons = escaped(one.skipped.joined(separator: "; "))
      return "\(start)><skipped message=\"\(reasons)\"/></testcase>"
    }
    if !one.skipped.isEmpty {
      // Some of it was tried, and passed.
      let reasons = escaped(one.skipped.map { "not tried: \($0)" }.joined(separator: "\n"))
      return "\(start)><system-out>\(reasons)</system-out></testcase>"
    }
    return "\(start)/>"
  }

  private static func rounded(_ seconds: Double) -> String {
    let milliseconds = Int((seconds * 1000).rounded())
    let rest = String(milliseconds % 1000)
    return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
  }

  /// XML 1.0 has no way at all to write most control characters; they become U+FFFD.
  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "\n", "\t": escaped.unicodeScalars.append(scalar)
      case _ where scalar.value < 0x20 || scalar.value == 0xfffe || scalar.value == 0xffff:
        escaped += "\u{fffd}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
