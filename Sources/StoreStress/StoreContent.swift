// What stores are filled with: sessions, jobs and reports whose content follows from a number.

import DaemonAPI
import Foundation
import Reports
import StressKit

/// The same for the same numbers.
struct StoreContent {
  let seed: UInt64

  private func generator(_ number: Int) -> TrialGenerator {
    var generator = TrialGenerator(seed: seed &+ UInt64(number) &* 0x9e37_79b9)
    return TrialGenerator(seed: generator.next())
  }

  /// A UUID, different for each number.
  static func uuid(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
      + "-0000-4000-8000-000000000000"
  }

  /// A session with so many rows, and so many batches in each of three blocks of a row.
  func record(_ number: Int, rows: Int, batches: Int) -> SessionRecord {
    var generator = generator(number)
    var report = RunReport(
      session: Self.uuid(number), seed: generator.next(),
      environment: ["cpu": "of the trial", "draw": "\(generator.next() % 3)"], verdict: .ok,
      exit: 0, rows: [])
    var measurements: [RowMeasurement] = []
    for index in 0..<rows {
      var row = Row(
        workload: "ring", backend: "backend-\(index)", stack: "mapped:64KiB",
        parameters: ["members": Int(generator.next() % 4)])
      row.verified = true
      row.checksum = "\(generator.next())"
      row.p50 = Double(generator.next() % 1_000_000) / 997
      row.blocks = 3
      measurements.append(
        RowMeasurement(
          blocks: (0..<3).map { block in
            MeasuredBlock(
              number: block, position: index,
              batches: (0..<batches).map { _ in Self.batch(&generator) },
              pressure: Double(generator.next() % 100) / 7)
          }, switchesInKernel: index.isMultiple(of: 2)))
      report.rows.append(row)
    }
    return SessionRecord(
      report: report, startedUnixNanoseconds: 1_795_000_000_000_000_000 + number,
      commandLine: "greenbench run ring",
      source: SourceVersion(commit: "abc", dirty: false, branch: "main", build: "1"),
      measurements: measurements, control: measurements.first)
  }

  private static func batch(_ generator: inout TrialGenerator) -> Batch {
    Batch(
      nanoseconds: Int(generator.next() >> 40), operations: Int(generator.next() >> 44) + 1,
      runDelayNanoseconds: Int(generator.next() >> 50), involuntarySwitches: 0,
      cpuNanoseconds: Int(generator.next() >> 40), minorFaults: Int(generator.next() % 3),
      majorFaults: 0, migrated: generator.next() % 9 == 0)
  }

  /// What the job of a number is to run.
  func request(_ number: Int) -> JobRequest {
    JobRequest(scenario: Scenario(workload: "ring", seed: UInt64(number)))
  }

  /// A report of two classes with two findings each.
  func stress(_ number: Int) -> StressReport {
    var generator = generator(number)
    var report = StressReport(
      run: Self.uuid(number), startedUTC: "2026-11-23T06:40:00Z", profile: "pr", seed: "0x1",
      machine: ["cpu": "of the trial"], classes: [])
    for name in ["first", "second"] {
      var one = StressClassReport(name: name, unit: "checks")
      one.trials = Int(generator.next() % 100)
      one.failures = 2
      one.findings = (0..<2).map { index in
        StressFinding(
          token: "\(name)/0x1/\(index)", what: "made up",
          artefacts: ["seed": "0x1", "more": "text"])
      }
      report.classes.append(one)
    }
    return report
  }
}
