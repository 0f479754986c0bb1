// Tests of what many jobs cost the process that stores them.

import DaemonAPI
import Foundation
import GRDB
import Reports
import Testing

@testable import ResultStore

@Suite struct StoredJobsMemoryTests {
  /// Bytes of this process in memory.
  static func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
  }

  static func run(_ jobs: ClosedRange<Int>, _ store: ResultStore) throws {
    for number in jobs {
      var job = try store.submitted(key: "k\(number)")
      job.state = .running
      try store.save(job, event: (.jobStarted, "job \(job.id) began"), at: number)
      job.state = .done
      job.session = Samples.uuid(number)
      job.exit = 0
      var record = Samples.session(number, backends: ["asm"])
      record.measurements[0].blocks = []
      record.control = nil
      try store.save(job, record: record, event: (.jobEnded, "job \(job.id) ended"), at: number)
      try store.pruneEvents(keep: 100)
      try store.pruneJobs(keep: 100)
    }
  }

  // In a process of its own: other tests take and give memory while this one looks.
  @Test("the jobs that were leave nothing in memory")
  func flat() async {
    await #expect(processExitsWith: .success) {
      try withTemporaryFolder { folder in
        let store = try ResultStore(path: "\(folder)/r.sqlite")
        // SQLite keeps up to 2 MB of pages, and would still be filling that.
        try store.withoutTransaction { db in try db.execute(sql: "PRAGMA cache_size = 20") }
        try Self.run(1...300, store)
        let before = try Self.residentBytes()
        try Self.run(301...1300, store)
        let grown = try Self.residentBytes() - before
        #expect(grown < 1000 * 256, "\(grown) bytes for 1000 jobs")
      }
    }
  }
}
