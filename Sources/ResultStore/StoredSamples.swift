// The daemon's own memory as a series in its own store.

import GRDB

/// What the daemon took at one moment.
public struct DaemonSample: Codable, Hashable, Sendable {
  /// Nanoseconds since the Unix epoch.
  public var unixNanoseconds: Int
  public var residentBytes: Int

  /// By the allocator; nil where it is not jemalloc.
  public var allocatedBytes: Int?
  public var descriptors: Int

  /// Jobs that ended since the daemon was started.
  public var jobsDone: Int

  public init(
    unixNanoseconds: Int, residentBytes: Int, allocatedBytes: Int? = nil, descriptors: Int,
    jobsDone: Int
  ) {
    self.unixNanoseconds = unixNanoseconds
    self.residentBytes = residentBytes
    self.allocatedBytes = allocatedBytes
    self.descriptors = descriptors
    self.jobsDone = jobsDone
  }

  enum CodingKeys: String, CodingKey {
    case descriptors
    case unixNanoseconds = "unix_ns"
    case residentBytes = "resident_bytes"
    case allocatedBytes = "allocated_bytes"
    case jobsDone = "jobs_done"
  }
}

extension ResultStore {
  /// Adds a sample.
  ///
  /// - Throws: What SQLite reports; then nothing is stored.
  public func appendSample(_ sample: DaemonSample) throws(StoreError) {
    try write { db in
      try db.cachedStatement(
        sql: """
          INSERT INTO daemon_sample
            (at_ns, resident_bytes, allocated_bytes, descriptors, jobs_done)
          VALUES (?, ?, ?, ?, ?)
          """
      ).execute(arguments: [
        sample.unixNanoseconds, sample.residentBytes, sample.allocatedBytes, sample.descriptors,
        sample.jobsDone,
      ])
    }
  }

  static let samplesSince = """
    SELECT at_ns, resident_bytes, allocated_bytes, descriptors, jobs_done FROM daemon_sample
    WHERE at_ns >= ? ORDER BY at_ns, id
    """

  /// The samples from some time on, oldest first.
  ///
  /// - Parameter unixNanoseconds: Since the Unix epoch; that moment is included.
  /// - Returns: The samples.
  /// - Throws: What SQLite reports.
  public func samples(since unixNanoseconds: Int) throws(StoreError) -> [DaemonSample] {
    try read { db in
      try GRDB.Row.fetchAll(
        db.cachedStatement(sql: Self.samplesSince), arguments: [unixNanoseconds]
      ).map { row in
        try DaemonSample(
          unixNanoseconds: row.decode(forColumn: "at_ns"),
          residentBytes: row.decode(forColumn: "resident_bytes"),
          allocatedBytes: row.decode(forColumn: "allocated_bytes"),
          descriptors: row.decode(forColumn: "descriptors"),
          jobsDone: row.decode(forColumn: "jobs_done"))
      }
    }
  }
}
