// Tests of the reserve for a full disk, and of the log of writes.

import FoundationEssentials
import GRDB
import Reports
import Testing

@testable import ResultStore

@Suite struct ReserveTests {
  @Test("a reserve takes its room once, and only where there is plenty")
  func kept() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      #expect(!store.hasReserve)
      #expect(try store.keepReserve(bytes: 1 << 20))
      #expect(try store.keepReserve(bytes: 1 << 20))
      let facts = try FileManager.default.attributesOfItem(atPath: "\(folder)/r.sqlite-reserve")
      #expect(facts[.size] as? Int == 1 << 20)
      #expect(facts[.posixPermissions] as? Int == 0o600)
      let other = try ResultStore(path: "\(folder)/other.sqlite")
      #expect(try !other.keepReserve(bytes: 1 << 50))
      #expect(!other.hasReserve)
    }
  }

  @Test("who finds the disk full gives the reserve up and tries again, once")
  func givenUp() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      let store = try ResultStore(path: path)
      try store.keepReserve(bytes: 4096)
      var tries = 0
      let value = try ResultStore.withReserve(of: path) { () throws(StoreError) in
        tries += 1
        if tries == 1 { throw .full(path: path) }
        return 7
      }
      #expect(value == 7 && tries == 2 && !store.hasReserve)
      #expect(throws: StoreError.full(path: path)) {
        try ResultStore.withReserve(of: path) { () throws(StoreError) in
          tries += 1
          throw .full(path: path)
        }
      }
      #expect(tries == 3)
      try store.keepReserve(bytes: 4096)
      #expect(throws: StoreError.busy(path: path)) {
        try ResultStore.withReserve(of: path) { () throws(StoreError) in throw .busy(path: path) }
      }
      #expect(store.hasReserve)
    }
  }

  @Test("a full file is told as full, and takes what is small again when it may grow")
  func full() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      let store = try ResultStore(path: path)
      try store.keepReserve(bytes: 4096)
      try store.queue.inDatabase { db in
        let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        try db.execute(sql: "PRAGMA max_page_count = \(pages)")
      }
      #expect(throws: StoreError.full(path: path)) { try store.append(Samples.session()) }
      #expect(!store.hasReserve)
      #expect(try store.sessions(limit: 1).isEmpty)
      try store.queue.inDatabase { db in try db.execute(sql: "PRAGMA max_page_count = 100000") }
      try store.append(Samples.session())
      #expect(try store.session("0") == Samples.session())
    }
  }

  @Test("the log's size is told, and is nothing after a checkpoint")
  func log() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(Samples.session())
      #expect(store.logBytes > 0)
      #expect(try store.checkpoint())
      #expect(store.logBytes == 0)
      #expect(
        try store.queue.inDatabase { db in
          try Int.fetchOne(db, sql: "PRAGMA journal_size_limit")
        } == ResultStore.logBytesMax)
    }
  }

  @Test("a store that may not be looked at is not called empty")
  func notReadable() throws {
    // The rights of the superuser go everywhere; for others the class `read-only` looks.
    let error = StoreError.notReadable(path: "p", reason: "permission denied")
    #expect("\(error)".contains("cannot be read: permission denied; "))
    try withTemporaryFolder { folder in
      let file = "\(folder)/file"
      try Data().write(to: URL(filePath: file))
      #expect(throws: StoreError.noStore(path: "\(file)/r.sqlite")) {
        try ResultStore(path: "\(file)/r.sqlite", readOnly: true)
      }
      let long = folder + "/" + String(repeating: "x", count: 300)
      #expect(throws: StoreError.notReadable(path: long, reason: "error 36")) {
        try ResultStore(path: long, readOnly: true)
      }
    }
  }

  @Test("what is larger than the cache of pages is stored whole")
  func smallCache() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.limitCache(kibibytes: 16)
      #expect(
        try store.withoutTransaction { try Int.fetchOne($0, sql: "PRAGMA cache_size") } == -16)
      var record = Samples.session()
      record.report.notes = [String(repeating: "a note ", count: 100_000)]
      try store.append(record)
      #expect(try store.session("0") == record)
    }
  }
}
