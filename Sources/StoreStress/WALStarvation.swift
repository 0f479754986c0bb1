// Starved checkpoints: a reader that stays, so that the log of writes cannot begin anew.

import Foundation
import Reports
import ResultStore
import StressKit

struct WALStarvation: StressClass {
  let about = StressClassAbout(
    name: "wal-starvation",
    injection: "a reader stays in its transaction while others write",
    expectation: "the log's size is told, nothing is refused or lost, and the log is small again "
      + "when the reader has gone",
    goal: "WAL <= 64 MB + burst, and empty after a checkpoint",
    unit: "kB of log",
    trials: TrialCounts(pr: 3, nightly: 30), secondsMax: 300)

  func run(_ trial: Trial) throws {
    let path = trial.scratch.appending(path: "results.sqlite").path
    let store = try ResultStore(path: path)
    // Past the limit of the log every tenth time; else only far enough to see it grow.
    let isLarge = trial.profile != .pr && trial.index.isMultiple(of: 10)
    let bytes = isLarge ? ResultStore.logBytesMax + (16 << 20) : 6 << 20
    let script = StoreScript(count: 0, seed: trial.generator.next())
    var sessions: [String] = []
    func append() throws {
      let record = script.content.record(sessions.count, rows: 3, batches: 2000)
      try store.append(record)
      sessions.append(record.report.session)
    }
    try append()
    try Others.reading(path) {
      while store.logBytes < bytes {
        let before = store.logBytes
        try append()
        try trial.expect(store.logBytes > before, "the log does not grow, or is not told")
        // Bounded, should the log not grow as it must.
        try trial.expect(sessions.count < 10_000, "the log stays at \(store.logBytes) bytes")
      }
      try trial.expect(try !store.checkpoint(), "a checkpoint passed the reader by")
      trial.figure("log, kB", Double(store.logBytes >> 10))
      trial.count(store.logBytes >> 10)
    }
    if trial.index.isMultiple(of: 2) {
      // Nobody asks for a checkpoint: ordinary writes must do.
      for _ in 0..<3 { try append() }
      try trial.expect(
        store.logBytes <= ResultStore.logBytesMax,
        "the log has \(store.logBytes) bytes, three writes after the reader has gone")
    }
    try trial.expect(try store.checkpoint(), "no checkpoint after the reader has gone")
    try trial.expect(store.logBytes, is: 0, "bytes of log after a checkpoint")
    try store.quickCheck()
    for (number, session) in sessions.enumerated() {
      let record = script.content.record(number, rows: 3, batches: 2000)
      try trial.expect(try store.session(session) == record, "session \(number) is not whole")
    }
  }
}
