// Tests of what is stored, found and listed.

import FoundationEssentials
import Reports
import Testing

@testable import ResultStore

@Suite struct ResultStoreTests {
  @Test("a session comes out as it went in, also for another process")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      let record = Samples.session()
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(record)
      #expect(try store.session("00000001") == record)
      #expect(try store.report(record.report.session) == record.report)
      let other = try ResultStore(path: "\(folder)/r.sqlite", readOnly: true)
      #expect(try other.session("00000001") == record)
    }
  }

  @Test("a session without rows or control comes out as it went in")
  func bare() throws {
    try withTemporaryFolder { folder in
      var record = Samples.session(backends: [])
      record.control = nil
      record.controlFailure = nil
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(record)
      #expect(try store.session("0") == record)
    }
  }

  @Test("the figures are plain columns")
  func columns() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(Samples.session())
      let answer = try store.query(
        """
        SELECT backend, p10_ns, ratio, clean_share, grade, failure
        FROM run JOIN config ON config.id = config_id ORDER BY ordinal
        """)
      #expect(
        answer.columns == ["backend", "p10_ns", "ratio", "clean_share", "grade", "failure"])
      #expect(
        answer.rows == [
          ["asm", "9.61", "", "0.76", "B", ""], ["ucontext", "9.61", "22.06", "0.76", "B", ""],
          ["thread", "", "", "0.0", "F", "the worker died of signal 11"],
        ])
      #expect(try store.query("SELECT count(*) FROM result").rows == [["4"]])
      #expect(try store.query("SELECT count(*) FROM block").rows == [["21"]])
      #expect(FileManager.default.fileExists(atPath: "\(folder)/r.sqlite-wal"))
    }
  }

  @Test("equal configurations, sources and environments are stored once")
  func shared() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      for number in 1...3 { try store.append(Samples.session(number)) }
      for (table, count) in [("env", "1"), ("source", "1"), ("config", "3"), ("series", "4")] {
        #expect(try store.query("SELECT count(*) FROM \(table)").rows == [[count]])
      }
    }
  }

  @Test("ten thousand runs: the newest sessions first, each with its rows")
  func many() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      var record = Samples.session(backends: (0..<100).map { "b\($0)" })
      record.measurements = record.measurements.map { _ in
        RowMeasurement(blocks: [], switchesInKernel: false)
      }
      for number in 1...100 {
        record.report.session = Samples.uuid(number)
        record.startedUnixNanoseconds = 1_795_000_000_000_000_000 + number
        try store.append(record)
      }
      let newest = try store.sessions(limit: 3)
      #expect(newest.map(\.session) == [100, 99, 98].map(Samples.uuid))
      #expect(newest[0].rows == 100)
      #expect(newest[0].workloads == ["ring"])
      #expect(newest[0].backends.first == "b0")
      #expect(newest[0].startedUTC == "2026-11-18T11:06:40Z")
      #expect(try store.sessions(limit: 1000).count == 100)
      #expect(try store.sessions(limit: -1).isEmpty)
    }
  }

  @Test("the newest session is by its start, and must have measured every backend")
  func newest() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(Samples.session(1, startedAt: 30))
      try store.append(Samples.session(2, backends: ["asm", "fiber"], startedAt: 20))
      try store.append(Samples.session(3, backends: ["asm"], startedAt: 10))
      #expect(try store.newestSession(withBackends: ["asm"]).report.session == Samples.uuid(1))
      #expect(
        try store.newestSession(withBackends: ["asm", "fiber"]).report.session == Samples.uuid(2))
      #expect(throws: StoreError.noSuchSession(name: "backend:thread", similar: [])) {
        // It is there, but it crashed.
        try store.newestSession(withBackends: ["thread"])
      }
    }
  }

  @Test("a prefix finds one session, or says which ones it could be")
  func prefixes() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      for number in [0x1A, 0x1B, 0x2C] { try store.append(Samples.session(number)) }
      #expect(try store.report("0000002").session == Samples.uuid(0x2C))
      #expect(
        throws: StoreError.ambiguous(
          name: "0000001", matches: [0x1A, 0x1B].map(Samples.uuid))
      ) { try store.session("0000001") }
      #expect(throws: StoreError.noSuchSession(name: "0000002d", similar: [Samples.uuid(0x2C)])) {
        try store.session("0000002d")
      }
      for name in ["", "%", "fff", "0'; DROP TABLE run"] {
        #expect(throws: StoreError.noSuchSession(name: name, similar: [])) {
          try store.session(name)
        }
      }
    }
  }

  @Test("a session that cannot be stored in full is not stored at all")
  func atomic() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(Samples.session())
      let tables = ["env", "source", "config", "session", "run", "series", "block", "batches"]
      let before = try tables.map { try store.query("SELECT count(*) FROM \($0)").rows }
      // The last block has the number of the first: everything before it was written by then.
      var record = Samples.session(2, backends: ["new", "other"])
      record.report.environment = ["cpu": "another"]
      record.source.commit = "def"
      record.control?.blocks[6].number = 0
      #expect(throws: StoreError.self) { try store.append(record) }
      #expect(try tables.map { try store.query("SELECT count(*) FROM \($0)").rows } == before)
      record.control?.blocks[6].number = 12
      try store.append(record)
      #expect(try store.session(Samples.uuid(2)) == record)
    }
  }

  @Test("programs that open a new file at the same time all get their sessions stored")
  func concurrent() async throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "greenbench-store-\(UUID().uuidString)").path
    let path = "\(folder)/r.sqlite"
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 1...8 {
        group.addTask { try ResultStore(path: path).append(Samples.session(number)) }
      }
      try await group.waitForAll()
    }
    let stored = try ResultStore(path: path, readOnly: true).sessions(limit: 100)
    #expect(Set(stored.map(\.session)) == Set((1...8).map(Samples.uuid)))
    try FileManager.default.removeItem(atPath: folder)
  }

  @Test("the standard path follows the environment")
  func standardPath() {
    let path = ResultStore.standardPath
    #expect(path(["GREENBENCH_DB": "x.sqlite", "HOME": "/h"]) == "x.sqlite")
    #expect(path(["XDG_STATE_HOME": "/s", "HOME": "/h"]) == "/s/greenbench/results.sqlite")
    let home = "/h/.local/state/greenbench/results.sqlite"
    #expect(path(["HOME": "/h"]) == home)
    #expect(path(["HOME": "/h", "XDG_STATE_HOME": "relative", "GREENBENCH_DB": ""]) == home)
  }

  @Test("the file and its folders are for the user alone")
  func modes() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/a/b/r.sqlite"
      let store = try ResultStore(path: path)
      try store.append(Samples.session())
      for (name, mode) in [("a", 0o700), ("a/b", 0o700), ("a/b/r.sqlite", 0o600)] {
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
        let found = try #require(attributes[.posixPermissions])
        #expect("\(found)" == String(mode))
      }
    }
  }
}
