// Reads sessions back from the tables.

import FoundationEssentials
import GRDB
import Reports

/// What a list shows of a session.
public struct SessionSummary: Codable, Hashable, Sendable {
  /// The session's UUID.
  public var session: String

  /// Nanoseconds since the Unix epoch, and the same second in ISO 8601.
  public var startedUnixNanoseconds: Int
  public var startedUTC: String
  public var commandLine: String

  /// As in `RunReport`.
  public var verdict: String
  public var commit: String
  public var dirty: Bool
  public var rows: Int

  /// Without repetition, in the order of the session's rows.
  public var workloads: [String]
  public var backends: [String]

  /// Of its rows, the least and the most; nil when none has the figure.
  public var bytesPerGreenletLeast: Double?
  public var bytesPerGreenletMost: Double?
}

/// Reads within the caller's transaction.
struct SessionReader {
  let db: Database
  let path: String

  func summaries(limit: Int) throws -> [SessionSummary] {
    try GRDB.Row.fetchAll(
      db,
      sql: """
        SELECT session.id, uuid, started_ns, started_utc, cmdline, verdict, commit_id, dirty
        FROM session JOIN source ON source.id = source_id
        ORDER BY started_ns DESC, session.id DESC LIMIT ?
        """, arguments: [max(0, limit)]
    ).map { row in
      let runs = try GRDB.Row.fetchAll(
        db.cachedStatement(
          sql: """
            SELECT workload, backend, bytes_per_greenlet
            FROM run JOIN config ON config.id = config_id WHERE session_id = ? ORDER BY ordinal
            """), arguments: [row.decode(Int64.self, forColumn: "id")])
      let bytes = try runs.compactMap { run in
        try run.decode(Double?.self, forColumn: "bytes_per_greenlet")
      }
      return try SessionSummary(
        session: row.decode(forColumn: "uuid"),
        startedUnixNanoseconds: row.decode(forColumn: "started_ns"),
        startedUTC: row.decode(forColumn: "started_utc"),
        commandLine: row.decode(forColumn: "cmdline"), verdict: row.decode(forColumn: "verdict"),
        commit: row.decode(forColumn: "commit_id"), dirty: row.decode(forColumn: "dirty"),
        rows: runs.count, workloads: distinct(runs, "workload"),
        backends: distinct(runs, "backend"), bytesPerGreenletLeast: bytes.min(),
        bytesPerGreenletMost: bytes.max())
    }
  }

  private func distinct(_ rows: [GRDB.Row], _ column: String) throws -> [String] {
    var seen: [String] = []
    for row in rows {
      let name: String = try row.decode(forColumn: column)
      if !seen.contains(name) { seen.append(name) }
    }
    return seen
  }

  /// The one session whose UUID begins like this.
  func uuid(prefix: String) throws -> String {
    let matches = try uuids(prefix: prefix)
    if matches.count == 1 || matches.first == prefix { return matches[0] }
    guard matches.isEmpty else { throw StoreError.ambiguous(name: prefix, matches: matches) }
    // What shares the longest beginning with it; a single digit says nothing.
    var shorter = prefix.dropLast()
    while shorter.count > 1 {
      let similar = try uuids(prefix: String(shorter))
      if !similar.isEmpty { throw StoreError.noSuchSession(name: prefix, similar: similar) }
      shorter = shorter.dropLast()
    }
    throw StoreError.noSuchSession(name: prefix, similar: [])
  }

  // At most three, by the unique index: every character of a UUID sorts before "g".
  private func uuids(prefix: String) throws -> [String] {
    guard !prefix.isEmpty, prefix.utf8.allSatisfy({ "0123456789abcdef-".utf8.contains($0) }) else {
      return []
    }
    return try String.fetchAll(
      db, sql: "SELECT uuid FROM session WHERE uuid >= ? AND uuid < ? ORDER BY uuid LIMIT 3",
      arguments: [prefix, prefix + "g"])
  }

  /// The newest session with a measured row of each backend.
  func newest(withBackends backends: [String]) throws -> String {
    let one = """
      AND EXISTS (
        SELECT 1 FROM run JOIN config ON config.id = config_id
        WHERE session_id = session.id AND backend = ? AND status = 'ok')
      """
    let uuid = try String.fetchOne(
      db,
      sql: """
        SELECT uuid FROM session WHERE TRUE \(backends.map { _ in one }.joined(separator: " "))
        ORDER BY started_ns DESC, id DESC LIMIT 1
        """, arguments: StatementArguments(backends))
    guard let uuid else {
      let name = backends.map { "backend:\($0)" }.joined(separator: " with ")
      throw StoreError.noSuchSession(name: name, similar: [])
    }
    return uuid
  }

  /// A session.
  ///
  /// - Parameters:
  ///   - uuid: All of its UUID.
  ///   - withBatches: Without them, every measurement is empty.
  /// - Returns: What was appended.
  /// - Throws: `noSuchSession`, `damagedBlob`, or what SQLite reports.
  func record(uuid: String, withBatches: Bool) throws -> SessionRecord {
    let session = try GRDB.Row.fetchOne(
      db,
      sql: """
        SELECT session.*, env.json AS environment, commit_id, dirty, branch, build_id
        FROM session JOIN env ON env.id = env_id JOIN source ON source.id = source_id
        WHERE uuid = ?
        """, arguments: [uuid])
    guard let session else { throw StoreError.noSuchSession(name: uuid, similar: []) }
    let runs = try GRDB.Row.fetchAll(
      db,
      sql: """
        SELECT run.*, workload, backend, stack, params_json
        FROM run LEFT JOIN config ON config.id = config_id WHERE session_id = ? ORDER BY ordinal
        """, arguments: [session.decode(Int64.self, forColumn: "id")])
    let rows = try runs.filter { try $0.decode(String.self, forColumn: "role") == "row" }
    let control = try runs.first { try $0.decode(String.self, forColumn: "role") == "control" }
    let seed: String = try session.decode(forColumn: "seed")
    let report = try RunReport(
      session: uuid, seed: require(UInt64(seed), "a seed"),
      environment: JSONText.decode(session.decode(forColumn: "environment")),
      verdict: require(
        RunReport.Verdict(rawValue: session.decode(forColumn: "verdict")), "a verdict"),
      exit: session.decode(forColumn: "exit"), rows: rows.map(row),
      notes: session.decode(String?.self, forColumn: "note").map {
        $0.split(separator: "\n").map(String.init)
      } ?? [])
    return try SessionRecord(
      report: report, startedUnixNanoseconds: session.decode(forColumn: "started_ns"),
      commandLine: session.decode(forColumn: "cmdline"),
      source: SourceVersion(
        commit: session.decode(forColumn: "commit_id"), dirty: session.decode(forColumn: "dirty"),
        branch: session.decode(forColumn: "branch"), build: session.decode(forColumn: "build_id")),
      measurements: rows.map { try measurement($0, session: uuid, withBatches: withBatches) },
      control: control.map { try measurement($0, session: uuid, withBatches: withBatches) },
      controlFailure: control.flatMap(controlFailure))
  }

  private func controlFailure(_ run: GRDB.Row) throws -> ControlFailure? {
    guard let sentence = try run.decode(String?.self, forColumn: "failure") else { return nil }
    return try ControlFailure(
      status: require(Reports.Row.Status(rawValue: run.decode(forColumn: "status")), "a status"),
      failure: sentence, backtrace: run.decode(forColumn: "backtrace"))
  }

  private func row(_ run: GRDB.Row) throws -> Reports.Row {
    var row = try Reports.Row(
      workload: run.decode(forColumn: "workload"), backend: run.decode(forColumn: "backend"),
      stack: run.decode(forColumn: "stack"),
      parameters: JSONText.decode(run.decode(forColumn: "params_json")))
    row.status = try require(
      Reports.Row.Status(rawValue: run.decode(forColumn: "status")), "a status")
    row.failure = try run.decode(forColumn: "failure")
    row.verified = try run.decode(forColumn: "verified")
    row.checksum = try run.decode(forColumn: "checksum")
    row.operations = try run.decode(forColumn: "operations")
    row.p10 = try run.decode(forColumn: "p10_ns")
    row.p50 = try run.decode(forColumn: "p50_ns")
    row.p99 = try run.decode(forColumn: "p99_ns")
    if let to = try run.decode(String?.self, forColumn: "ratio_to") {
      row.ratio = try Ratio(
        to: to, estimate: run.decode(forColumn: "ratio"), low: run.decode(forColumn: "ratio_low"),
        high: run.decode(forColumn: "ratio_high"))
    }
    row.blocks = try run.decode(forColumn: "blocks")
    row.cleanShare = try run.decode(forColumn: "clean_share")
    row.bytesPerGreenlet = try run.decode(forColumn: "bytes_per_greenlet")
    // A store that an older program wrote, and that is only read, has no such columns.
    if run.hasColumn("p10_low_ns") {
      if let low = try run.decode(Double?.self, forColumn: "p10_low_ns") {
        row.p10Interval = Interval(low: low, high: try run.decode(forColumn: "p10_high_ns"))
      }
      row.memory = try MemoryColumns.read(run: run.decode(forColumn: "id"), db)
    }
    if run.hasColumn("backtrace") { row.backtrace = try run.decode(forColumn: "backtrace") }
    row.grade = try require(Reports.Row.Grade(rawValue: run.decode(forColumn: "grade")), "a grade")
    return row
  }

  private func measurement(
    _ run: GRDB.Row, session: String, withBatches: Bool
  ) throws -> RowMeasurement {
    let switchesInKernel: Bool = try run.decode(forColumn: "switches_in_kernel")
    guard withBatches else {
      return RowMeasurement(blocks: [], switchesInKernel: switchesInKernel)
    }
    let stored = try GRDB.Row.fetchOne(
      db.cachedStatement(sql: "SELECT codec, crc32c, blob FROM batches WHERE run_id = ?"),
      arguments: [run.decode(Int64.self, forColumn: "id")])
    guard let stored, try stored.decode(String.self, forColumn: "codec") == BatchCodec.name,
      case let bytes = [UInt8](try stored.decode(Data.self, forColumn: "blob")),
      try stored.decode(Int64.self, forColumn: "crc32c") == Int64(CRC32C.of(bytes)),
      let blocks = BatchCodec.decode(bytes)
    else {
      throw StoreError.damagedBlob(
        path: path, session: session, run: try run.decode(forColumn: "ordinal"))
    }
    return RowMeasurement(blocks: blocks, switchesInKernel: switchesInKernel)
  }

  private func require<Value>(_ value: Value?, _ what: String) throws -> Value {
    guard let value else {
      throw StoreError.unwritten(what, path: path)
    }
    return value
  }
}

/// JSON with sorted keys: equal values are equal texts.
enum JSONText {
  static func encode(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func decode<Value: Decodable>(_ text: String) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }

  /// Decodes what is in a store: a text of another shape is damage.
  static func decode<Value: Decodable>(_ text: String, what: String, path: String) throws -> Value {
    do {
      return try decode(text)
    } catch {
      throw StoreError.unwritten(what, path: path)
    }
  }
}
