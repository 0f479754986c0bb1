// The JSON of one session: keys sorted, and a null for everything that is not known.

import Comparison
import Foundation
public import Reports

/// A report as the one JSON document that `--json` prints.
public enum RunDocument {
  /// Writes a report as JSON.
  ///
  /// - Parameter report: The report.
  /// - Returns: The document, without a newline at its end.
  /// - Throws: When a number cannot be written as JSON.
  public static func json(_ report: RunReport) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(Document(report: report)), as: UTF8.self)
  }

  private struct Document: Encodable {
    let report: RunReport

    enum Keys: String, CodingKey {
      case session, seed, environment, verdict, exit, rows, notes, knees
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(report.session, forKey: .session)
      try container.encode(report.seed, forKey: .seed)
      try container.encode(report.environment, forKey: .environment)
      try container.encode(report.verdict, forKey: .verdict)
      try container.encode(report.exit, forKey: .exit)
      try container.encode(report.rows.map(RowDocument.init), forKey: .rows)
      try container.encode(report.notes, forKey: .notes)
      let knees = Sweep(report)?.series.map(KneeDocument.init)
      try container.encode(knees ?? [], forKey: .knees)
    }
  }

  /// Where a sweep gets dear, for each backend that it has been over.
  private struct KneeDocument: Encodable {
    let backend: String
    let knee: Double?

    init(_ series: Sweep.Series) {
      backend = series.backend
      knee = series.knee?.size
    }

    enum Keys: String, CodingKey {
      case backend, knee
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(backend, forKey: .backend)
      try container.encode(knee, forKey: .knee)
    }
  }

  private struct RowDocument: Encodable {
    let row: Row

    enum Keys: String, CodingKey {
      case failure, backtrace, checksum, ratio, memory
      case p10 = "p10_ns"
      case p50 = "p50_ns"
      case p99 = "p99_ns"
      case p10Interval = "p10_interval_ns"
      case bytesPerGreenlet = "bytes_per_greenlet"
    }

    func encode(to encoder: any Encoder) throws {
      try row.encode(to: encoder)
      // The synthesized encoding leaves these out when they are nil.
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(row.failure, forKey: .failure)
      try container.encode(row.backtrace, forKey: .backtrace)
      try container.encode(row.checksum, forKey: .checksum)
      try container.encode(row.ratio, forKey: .ratio)
      try container.encode(row.p10, forKey: .p10)
      try container.encode(row.p50, forKey: .p50)
      try container.encode(row.p99, forKey: .p99)
      try container.encode(row.p10Interval, forKey: .p10Interval)
      try container.encode(row.bytesPerGreenlet, forKey: .bytesPerGreenlet)
      try container.encode(row.memory, forKey: .memory)
    }
  }
}
