// Tests of the copy of a damaged store.

import Foundation
import GRDB
import Testing

@testable import ResultStore

@Suite struct QuarantineTests {
  @Test("damage is told from other troubles")
  func damage() {
    let corrupt = StoreError.database(path: "p", code: 11, message: "malformed")
    let inAnIndex = StoreError.database(path: "p", code: 11 | 3 << 8, message: "malformed")
    #expect(corrupt.isDamage && inAnIndex.isDamage)
    #expect(!StoreError.database(path: "p", code: 10, message: "I/O").isDamage)
    #expect(!StoreError.busy(path: "p").isDamage && !StoreError.full(path: "p").isDamage)
  }

  @Test("a copy has what the log has, and the first one stays")
  func copied() throws {
    try withTemporaryFolder { folder in
      let store = try ResultStore(path: "\(folder)/r.sqlite")
      try store.append(Samples.session(1))
      #expect(store.logBytes > 0)
      #expect(try store.copyAside())
      try store.append(Samples.session(2))
      #expect(try !store.copyAside())
      let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(
        Set(files.filter { $0.contains("damaged") }) == [
          "r.sqlite.damaged", "r.sqlite.damaged-wal",
        ])
      let copy = try ResultStore(path: store.quarantine)
      #expect(try copy.sessions(limit: 9).count == 1)
      #expect(try store.sessions(limit: 9).count == 2)
    }
  }

  @Test("a file that SQLite does not open is copied byte for byte")
  func unreadable() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/r.sqlite"
      let store = try ResultStore(path: path)
      try store.append(Samples.session(1))
      try store.checkpoint()
      let file = try #require(FileHandle(forUpdatingAtPath: path))
      try file.write(contentsOf: Data(repeating: 0x5A, count: 200))
      try file.close()
      #expect(try store.copyAside())
      let url = URL(filePath: path)
      #expect(try Data(contentsOf: URL(filePath: store.quarantine)) == Data(contentsOf: url))
    }
  }

  @Test("where no copy can be made it is said, and nothing is left of one")
  func refused() throws {
    try withTemporaryFolder { folder in
      // The copy's name would be longer than a file system's names may be.
      let store = try ResultStore(path: folder + "/" + String(repeating: "r", count: 246))
      try store.append(Samples.session(1))
      let error = #expect(throws: StoreError.self) { try store.copyAside() }
      #expect(error?.description.contains("no copy") == true)
      let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(!files.contains { $0.contains("damaged") })
    }
  }
}
