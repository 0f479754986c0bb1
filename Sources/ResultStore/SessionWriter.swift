// Writes one session into the tables.

import FoundationEssentials
import GRDB
import Reports

/// Appends a session within the caller's transaction.
struct SessionWriter {
  let db: Database

  func append(_ record: SessionRecord) throws {
    let report = record.report
    let started = Date(timeIntervalSince1970: Double(record.startedUnixNanoseconds) / 1e9)
    try db.execute(
      sql: """
        INSERT INTO session
          (uuid, started_utc, started_ns, cmdline, seed, env_id, source_id, verdict, exit, note)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        report.session, started.formatted(.iso8601), record.startedUnixNanoseconds,
        record.commandLine, String(report.seed), environment(report.environment),
        source(record.source), report.verdict.rawValue, report.exit,
        report.notes.isEmpty ? nil : report.notes.joined(separator: "\n"),
      ])
    let session = db.lastInsertedRowID
    for (index, row) in report.rows.enumerated() {
      let measurement = record.measurements[index]
      let config = try config(of: row)
      let run = try insert(row, measurement, session: session, ordinal: index + 1, config.id)
      try insertSeries(of: row, measurement, run: run, configHash: config.hash)
      try insertBlocks(of: measurement, run: run)
      if let memory = row.memory { try MemoryColumns.insert(memory, run: run, db) }
    }
    if let control = record.control {
      try insertBlocks(
        of: control, run: insertControl(control, record.controlFailure, session: session))
    }
  }

  private func environment(_ facts: [String: String]) throws -> Int64 {
    let json = try JSONText.encode(facts)
    return try id(
      select: "SELECT id FROM env WHERE hash = ?", [ContentHash.of(json)],
      insert: "INSERT INTO env (hash, json) VALUES (?, ?)", [ContentHash.of(json), json])
  }

  private func source(_ source: SourceVersion) throws -> Int64 {
    let arguments: StatementArguments = [source.commit, source.dirty, source.branch, source.build]
    return try id(
      select: """
        SELECT id FROM source WHERE commit_id = ? AND dirty = ? AND branch = ? AND build_id = ?
        """, arguments,
      insert: "INSERT INTO source (commit_id, dirty, branch, build_id) VALUES (?, ?, ?, ?)",
      arguments)
  }

  private func config(of row: Reports.Row) throws -> (id: Int64, hash: String) {
    let parameters = try JSONText.encode(row.parameters)
    let fields = [row.workload, row.backend, row.stack, parameters]
    let hash = ContentHash.of(fields.joined(separator: "\u{0}"))
    let id = try id(
      select: "SELECT id FROM config WHERE hash = ?", [hash],
      insert: """
        INSERT INTO config (hash, workload, backend, stack, params_json) VALUES (?, ?, ?, ?, ?)
        """, [hash, row.workload, row.backend, row.stack, parameters])
    return (id, hash)
  }

  // The id of the row that is there, or of the one that is not yet.
  private func id(
    select: String, _ key: StatementArguments, insert: String, _ values: StatementArguments
  ) throws -> Int64 {
    if let id = try Int64.fetchOne(db.cachedStatement(sql: select), arguments: key) { return id }
    try db.cachedStatement(sql: insert).execute(arguments: values)
    return db.lastInsertedRowID
  }

  private func insert(
    _ row: Reports.Row, _ measurement: RowMeasurement, session: Int64, ordinal: Int,
    _ config: Int64
  ) throws -> Int64 {
    try db.cachedStatement(
      sql: """
        INSERT INTO run
          (session_id, ordinal, config_id, role, status, failure, verified, checksum, operations,
           p10_ns, p50_ns, p99_ns, ratio_to, ratio, ratio_low, ratio_high, blocks, clean_share,
           bytes_per_greenlet, grade, switches_in_kernel, p10_low_ns, p10_high_ns, backtrace)
        VALUES (?, ?, ?, 'row', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      session, ordinal, config, row.status.rawValue, row.failure, row.verified, row.checksum,
      row.operations, row.p10, row.p50, row.p99, row.ratio?.to, row.ratio?.estimate,
      row.ratio?.low, row.ratio?.high, row.blocks, row.cleanShare, row.bytesPerGreenlet,
      row.grade.rawValue, measurement.switchesInKernel, row.p10Interval?.low,
      row.p10Interval?.high, row.backtrace,
    ])
    return db.lastInsertedRowID
  }

  private func insertControl(
    _ control: RowMeasurement, _ failure: ControlFailure?, session: Int64
  ) throws -> Int64 {
    let batches = control.batches
    let figures = Figures(batches, switchesInKernel: control.switchesInKernel)
    try db.cachedStatement(
      sql: """
        INSERT INTO run
          (session_id, ordinal, role, status, failure, backtrace, verified, operations, p10_ns,
           p50_ns, p99_ns, blocks, clean_share, switches_in_kernel)
        VALUES (?, 0, 'control', ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      session, (failure?.status ?? .ok).rawValue, failure?.failure, failure?.backtrace,
      batches.reduce(0) { $0 + $1.operations }, figures.quantile(0.10), figures.quantile(0.50),
      figures.quantile(0.99), control.blocks.count,
      batches.isEmpty ? 0 : Double(figures.clean.count) / Double(batches.count),
      control.switchesInKernel,
    ])
    return db.lastInsertedRowID
  }

  private func insertSeries(
    of row: Reports.Row, _ measurement: RowMeasurement, run: Int64, configHash: String
  ) throws {
    let batches = measurement.batches
    let figures = Figures(batches, switchesInKernel: measurement.switchesInKernel)
    if row.p50 != nil {
      try insertResult(
        ["time", "ns", "lower", "nothing"], configHash, run,
        [row.p10, row.p50, figures.mean, figures.clean.count, batches.count])
    }
    if let bytes = row.bytesPerGreenlet {
      try insertResult(
        ["bytes_per_greenlet", "B", "lower", "exact"], configHash, run, [bytes, bytes, bytes, 1, 1])
    }
  }

  private func insertResult(
    _ series: StatementArguments, _ configHash: String, _ run: Int64, _ values: StatementArguments
  ) throws {
    let key = [configHash] + series
    let id = try id(
      select: """
        SELECT id FROM series
        WHERE config_hash = ? AND metric = ? AND unit = ? AND better = ? AND assume = ?
        """, key,
      insert: """
        INSERT INTO series (config_hash, metric, unit, better, assume) VALUES (?, ?, ?, ?, ?)
        """, key)
    try db.cachedStatement(
      sql: """
        INSERT INTO result (series_id, run_id, p10, p50, mean, n_clean, n_all)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [id, run] + values)
  }

  private func insertBlocks(of measurement: RowMeasurement, run: Int64) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO block (run_id, number, position, pressure, p10_ns, p50_ns, n_clean, n_all)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """)
    for block in measurement.blocks {
      let figures = Figures(block.batches, switchesInKernel: measurement.switchesInKernel)
      try statement.execute(arguments: [
        run, block.number, block.position, block.pressure, figures.quantile(0.10),
        figures.quantile(0.50), figures.clean.count, block.batches.count,
      ])
    }
    let bytes = BatchCodec.encode(measurement.blocks)
    try db.cachedStatement(
      sql: "INSERT INTO batches (run_id, codec, crc32c, blob) VALUES (?, ?, ?, ?)"
    ).execute(arguments: [run, BatchCodec.name, Int64(CRC32C.of(bytes)), Data(bytes)])
  }
}

/// The clean batches' cost of an operation, in ascending order.
private struct Figures {
  let clean: [Double]

  init(_ batches: [Batch], switchesInKernel: Bool) {
    clean =
      batches
      .filter { $0.operations > 0 && $0.isClean(switchesInKernel: switchesInKernel) }
      .map(\.nanosecondsPerOperation).sorted()
  }

  var mean: Double? { clean.isEmpty ? nil : clean.reduce(0, +) / Double(clean.count) }

  /// By nearest rank, in hundredths so that no rounding moves the rank.
  func quantile(_ share: Double) -> Double? {
    guard !clean.isEmpty else { return nil }
    let rank = (Int((share * 100).rounded()) * clean.count + 99) / 100
    return clean[max(rank, 1) - 1]
  }
}
