// JUnit's XML of a report, read by a parser of XML.

import Foundation
import Reports
import Testing

@testable import StressRunner

#if canImport(FoundationXML)
  import FoundationXML
#endif

struct JUnitTests {
  /// What an XML parser sees.
  private final class Reader: NSObject, XMLParserDelegate {
    var elements: [(name: String, attributes: [String: String])] = []
    var text = ""

    func parser(
      _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?,
      qualifiedName: String?, attributes: [String: String]
    ) { elements.append((elementName, attributes)) }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    func all(_ name: String) -> [[String: String]] {
      elements.filter { $0.name == name }.map(\.attributes)
    }
  }

  /// Everything that XML has its own idea about.
  private static let awkward = "a < b && \"c\" > 'd' \u{1}\u{8} ]]> \u{ffff} é 🌿"

  private static var report: StressReport {
    var good = StressClassReport(name: "good", unit: "checks")
    (good.trials, good.seconds) = (5, 0.25)
    var bad = StressClassReport(name: "bad", unit: "checks")
    (bad.trials, bad.failures, bad.seconds) = (5, 2, 61.0004)
    bad.findings = [
      StressFinding(
        token: "bad/0x1/3", what: awkward, artefacts: ["schedule": "one\n\ttwo \(awkward)"]),
      StressFinding(token: "bad/0x1/4", what: "another", options: ["--profile", "nightly"]),
    ]
    var skipped = StressClassReport(name: "skipped", unit: "checks")
    skipped.skipped = ["no root; \(awkward)", "another"]
    var partly = good
    (partly.name, partly.skipped) = ("partly", ["no \(awkward)"])
    var report = StressReport(
      run: "r", startedUTC: "2026-11-23T06:40:00Z", profile: "pr", seed: "0x1", machine: [:],
      classes: [good, bad, skipped, partly])
    report.seconds = 61.25
    report.isInterrupted = true
    return report
  }

  private func read(_ text: String) throws -> Reader {
    let (reader, parser) = (Reader(), XMLParser(data: Data(text.utf8)))
    parser.delegate = reader
    try #require(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "no error"): \(text)")
    return reader
  }

  @Test func isXMLWithACaseForEachClass() throws {
    let reader = try read(JUnit.text(Self.report))
    let suite = try #require(reader.all("testsuite").first)
    #expect(suite["tests"] == "4" && suite["failures"] == "1" && suite["skipped"] == "1")
    #expect(suite["timestamp"] == "2026-11-23T06:40:00Z" && suite["time"] == "61.250")
    #expect(reader.all("property").map { $0["value"] } == ["0x1", "true"])
    #expect(reader.all("testcase").map { $0["name"] } == ["good", "bad", "skipped", "partly"])
    #expect(reader.all("testcase").map { $0["time"] } == ["0.250", "61.000", "0.000", "0.250"])
  }

  @Test func tellsFailuresAndTheirReplays() throws {
    let reader = try read(JUnit.text(Self.report))
    let readable = Self.awkward.replacing("\u{1}\u{8}", with: "\u{fffd}\u{fffd}")
      .replacing("\u{ffff}", with: "\u{fffd}")
    #expect(reader.all("failure").map { $0["message"] } == [readable])
    #expect(reader.text.contains("greenbench stress replay bad/0x1/3"))
    #expect(reader.text.contains("greenbench stress replay bad/0x1/4 --profile nightly"))
    #expect(reader.text.contains("not tried: no \(readable)"))
    #expect(reader.text.contains("one\n\ttwo \(readable)"))
    #expect(reader.all("skipped").map { $0["message"] } == ["no root; \(readable); another"])
  }

  @Test func anEmptyReportIsXMLToo() throws {
    let empty = StressReport(
      run: "r", startedUTC: "", profile: "pr", seed: "0x1", machine: [:], classes: [])
    #expect(try read(JUnit.text(empty)).all("testsuite").map { $0["tests"] } == ["0"])
  }
}
