// Sessions and folders for the tests of the store.

import FoundationEssentials
import Reports

/// A folder that is removed when the closure ends.
func withTemporaryFolder(_ body: (_ folder: String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory
    .appending(path: "greenbench-store-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer {
    // The test has its result; a folder that stays behind does not change it.
    try? FileManager.default.removeItem(atPath: folder)
  }
  try body(folder)
}

enum Samples {
  static func uuid(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
      + "-0000-4000-8000-000000000000"
  }

  static func measurement(blocks: Int = 7, batches: Int = 21, seed: Int = 1) -> RowMeasurement {
    var measurement = RowMeasurement(blocks: [], switchesInKernel: seed.isMultiple(of: 2))
    for block in 0..<blocks {
      measurement.blocks.append(
        MeasuredBlock(
          number: block * 2, position: (block + seed) % 3,
          batches: (0..<batches).map { batch($0, block: block, seed: seed) },
          pressure: Double(block) / 7))
    }
    return measurement
  }

  private static func batch(_ number: Int, block: Int, seed: Int) -> Batch {
    let jitter = (number * 7919 + block * 104_729 + seed) % 5000
    let delayed = number % 5 == 4
    return Batch(
      nanoseconds: 1_000_000 + jitter, operations: 100_000 + number,
      runDelayNanoseconds: delayed ? 123_456 : 0, involuntarySwitches: delayed ? 2 : 0,
      cpuNanoseconds: 990_000 - number, minorFaults: block, majorFaults: number == 3 ? 1 : 0,
      migrated: number % 7 == 6)
  }

  static func row(_ backend: String) -> Row {
    var row = Row(
      workload: "ring", backend: backend, stack: "mapped:64KiB",
      parameters: ["members": 503, "hops": 1_000_000])
    row.verified = true
    row.checksum = "498"
    row.operations = 14_700_000
    row.p10 = 9.61
    row.p50 = 9.83
    row.p99 = 1.0 / 3
    row.blocks = 7
    row.cleanShare = 0.76
    row.bytesPerGreenlet = 4412
    row.grade = .b
    return row
  }

  /// A session with a row that is fine, one with a ratio and one that crashed.
  static func session(
    _ number: Int = 1, backends: [String] = ["asm", "ucontext", "thread"], startedAt: Int? = nil
  ) -> SessionRecord {
    var rows = backends.map(row)
    if rows.count > 1 {
      rows[1].ratio = Ratio(to: backends[0], estimate: 22.06, low: 21.98, high: 22.15)
    }
    if rows.count > 2 {
      var crashed = Row(workload: "ring", backend: backends[2], stack: "any", parameters: [:])
      crashed.status = .crashed
      crashed.failure = "the worker died of signal 11"
      crashed.backtrace = "greenbench+0x41f0\n? libc.so.6+0x8a1c\n... 3 more"
      rows[2] = crashed
    }
    let measurements = rows.indices.map { index in
      rows[index].status == .ok
        ? measurement(seed: index) : RowMeasurement(blocks: [], switchesInKernel: true)
    }
    return SessionRecord(
      report: RunReport(
        session: uuid(number), seed: .max, environment: ["cpu": "EPYC", "kernel": "6.18"],
        verdict: .failed, exit: 3, rows: rows),
      startedUnixNanoseconds: startedAt ?? 1_795_000_000_123_456_789 + number,
      commandLine: "greenbench run ring",
      source: SourceVersion(commit: "abc", dirty: true, branch: "main", build: "123"),
      measurements: measurements, control: measurement(seed: 9),
      controlFailure: ControlFailure(
        status: .crashed, failure: "worker died: signal 9 (SIGKILL)", backtrace: "a+0x1\nb+0x2"))
  }
}
