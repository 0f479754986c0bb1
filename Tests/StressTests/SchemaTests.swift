// The published schema of a report's JSON says what reports have, and nothing else.

import Foundation
import Reports
import Testing

struct SchemaTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// A report that has everything.
  private static var report: StressReport {
    var finding = StressFinding(token: "a/0x1/2~3", what: "w", artefacts: ["seed": "0x1"])
    (finding.steps, finding.stepsLeft) = (5, 2)
    var one = StressClassReport(name: "a", unit: "checks")
    one.findings = [finding]
    var report = StressReport(
      run: "r", startedUTC: "2026-11-23T06:40:00Z", profile: "pr", seed: "0x1",
      machine: ["cpu": "c"], classes: [one])
    (report.command, report.worker) = ("greenbench stress run", "/bin/own")
    return report
  }

  private func object(_ data: Data) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// The names of an object's members, and which of them have to be there.
  private func names(_ shape: [String: Any]) throws -> (all: Set<String>, required: Set<String>) {
    #expect(shape["additionalProperties"] as? Bool == false)
    let properties = try #require(shape["properties"] as? [String: Any])
    return (Set(properties.keys), Set(try #require(shape["required"] as? [String])))
  }

  @Test func namesWhatAReportHas() throws {
    let file = Self.root.appending(path: "results/stress.schema.json")
    let schema = try object(Data(contentsOf: file))
    let shapes = try #require(schema["$defs"] as? [String: [String: Any]])
    let whole = try object(JSONEncoder().encode(Self.report))
    let one = try #require((whole["classes"] as? [[String: Any]])?.first)
    let finding = try #require((one["findings"] as? [[String: Any]])?.first)
    #expect(
      try names(schema) == (Set(whole.keys), Set(whole.keys).subtracting(["command", "worker"])))
    #expect(try names(#require(shapes["class"])) == (Set(one.keys), Set(one.keys)))
    let least = Set(finding.keys).subtracting(["steps", "steps_left"])
    #expect(try names(#require(shapes["finding"])) == (Set(finding.keys), least))
    let format = (schema["properties"] as? [String: [String: Any]])?["format"]?["const"] as? Int
    #expect(format == StressReport.format)
  }

  @Test func isReadBackAsItWasWritten() throws {
    let data = try JSONEncoder().encode(Self.report)
    #expect(try JSONDecoder().decode(StressReport.self, from: data) == Self.report)
  }
}
