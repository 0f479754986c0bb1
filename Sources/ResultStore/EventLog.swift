// The daemon's log of events: numbered without gaps, read from any number on.

public import DaemonAPI
import FoundationEssentials
import GRDB

extension ResultStore {
  /// Adds an event.
  ///
  /// - Parameters:
  ///   - kind: What happened.
  ///   - job: The job that it is about.
  ///   - message: One sentence.
  ///   - unixNanoseconds: When, since the Unix epoch.
  /// - Returns: The event with its number: one more than the last one, which may be gone by now.
  /// - Throws: What SQLite reports; then nothing is stored, and the number is the next event's.
  @discardableResult
  public func appendEvent(
    _ kind: DaemonEvent.Kind, job: Int? = nil, message: String, at unixNanoseconds: Int
  ) throws(StoreError) -> DaemonEvent {
    try write { db in
      try EventTable(db: db, path: path).append(
        kind, job: job, message: message, at: unixNanoseconds)
    }
  }

  /// A page of events, oldest first.
  ///
  /// - Parameters:
  ///   - seq: The number of the last event that the reader knows; 0 for none.
  ///   - limit: The most events, at most `DaemonProtocol.pageMax`.
  /// - Returns: The events. Their first number shows whether older ones were dropped.
  /// - Throws: What SQLite reports.
  public func events(after seq: Int, limit: Int) throws(StoreError) -> EventPage {
    let limit = min(max(limit, 1), DaemonProtocol.pageMax)
    return try read { db in
      let events = try EventTable(db: db, path: path).events(after: seq, limit: limit)
      return EventPage(events: events, next: events.last?.seq ?? seq)
    }
  }

  /// The number of the newest event that there ever was; 0 before the first.
  ///
  /// - Throws: What SQLite reports.
  public func lastEvent() throws(StoreError) -> Int {
    try read { db in try LastNumber.of("event", db) }
  }
}

/// Reads and writes events within the caller's transaction.
struct EventTable {
  let db: Database
  let path: String

  static let page = "SELECT seq, at, kind, json FROM event WHERE seq > ? ORDER BY seq LIMIT ?"

  /// The column `json`: what an event has beside its kind and time.
  private struct Content: Codable {
    var job: Int?
    var message: String
  }

  func append(
    _ kind: DaemonEvent.Kind, job: Int?, message: String, at unixNanoseconds: Int
  ) throws -> DaemonEvent {
    let time = Self.text(of: unixNanoseconds)
    try db.cachedStatement(sql: "INSERT INTO event (at, kind, json) VALUES (?, ?, ?)").execute(
      arguments: [time, kind.rawValue, JSONText.encode(Content(job: job, message: message))])
    return DaemonEvent(
      seq: Int(db.lastInsertedRowID), at: time, kind: kind, job: job, message: message)
  }

  func events(after seq: Int, limit: Int) throws -> [DaemonEvent] {
    try GRDB.Row.fetchAll(db.cachedStatement(sql: Self.page), arguments: [seq, limit]).map { row in
      guard let kind = DaemonEvent.Kind(rawValue: try row.decode(forColumn: "kind")) else {
        throw StoreError.unwritten("an event's kind", path: path)
      }
      let content: Content = try JSONText.decode(
        row.decode(forColumn: "json"), what: "an event", path: path)
      return try DaemonEvent(
        seq: row.decode(forColumn: "seq"), at: row.decode(forColumn: "at"), kind: kind,
        job: content.job, message: content.message)
    }
  }

  /// ISO 8601, UTC, with milliseconds.
  static func text(of unixNanoseconds: Int) -> String {
    // Apart, because a Date of this century has no exact milliseconds.
    let (seconds, rest) = floorDivided(unixNanoseconds / 1_000_000, by: 1000)
    let digits = String(rest)
    let whole = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    return whole.dropLast() + "." + String(repeating: "0", count: 3 - digits.count) + digits + "Z"
  }

  private static func floorDivided(_ value: Int, by divisor: Int) -> (quotient: Int, rest: Int) {
    let (quotient, rest) = value.quotientAndRemainder(dividingBy: divisor)
    return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
  }
}

/// The greatest number that a table ever gave away.
enum LastNumber {
  static func of(_ table: String, _ db: Database) throws -> Int {
    try Int.fetchOne(
      db.cachedStatement(sql: "SELECT seq FROM sqlite_sequence WHERE name = ?"),
      arguments: [table]) ?? 0
  }
}
