// Workloads with crowds of coroutines: what a run leaves out, refuses, and knows of their memory.

import Comparison
import Executor
import Foundation
import Reports
import Testing

@testable import BenchmarkRunner

@Suite("Crowds of coroutines")
struct CrowdTests {
  private func run(
    _ backends: [String], _ parameters: [String: [Int]] = [:], mebibytes: Int? = nil
  ) async throws(RunnerError) -> RunReport {
    let log = FakeExecutor.Log()
    let runner = BenchmarkRunner(
      pressure: { nil }, memoryAvailable: { mebibytes.map { $0 << 20 } },
      launch: { FakeExecutor(log) })
    let source = SourceVersion(commit: "", dirty: false, branch: "", build: "")
    return try await runner.run(
      Scenario(
        workload: "crowd", backends: backends, parameters: parameters, blocks: 8,
        batchesPerVisit: 2, seed: 7),
      commandLine: "test", source: source
    ).report
  }

  private func sizes(_ report: RunReport) -> [Int?] {
    report.rows.map { $0.parameters["greenlets"] }
  }

  @Test("A run without a size sweeps them all, and has a knee")
  func sweep() async throws {
    let report = try await run(["native"])
    #expect(sizes(report) == [1, 10, 100, 1000])
    #expect(report.notes.isEmpty)
    let series = try #require(Sweep(report)?.series)
    #expect(series.map(\.backend) == ["native"])
    // 9.1 ns and 10, 19 and 109: above 18.2 from 100 on, which is crossed just before it.
    #expect(series[0].knee?.measured == 100)
    #expect(try RunDocument.json(report).contains("\"knees\""))
  }

  @Test("A sweep leaves out what half of the memory does not hold, and says so")
  func sweepWithinMemory() async throws {
    let report = try await run(["native", "ucontext"], mebibytes: 450)
    #expect(sizes(report) == [1, 1, 10, 10, 100, 100])
    #expect(
      report.notes == [
        "greenlets=1000 is left out: crowd with 1000 coroutines on each of 2 backends needs about"
          + " 2000 MiB, and may take 225 MiB here; ask for fewer coroutines or backends"
      ])
  }

  @Test("A sweep leaves out what a chosen backend does not hold")
  func sweepWithinBackend() async throws {
    let report = try await run(["native", "thread"])
    #expect(sizes(report) == [1, 1, 10, 10])
    #expect(
      report.notes == [
        "greenlets=100, 1000 is left out: crowd's greenlets on thread is 100; choose from 1 to 50"
      ])
  }

  @Test("A backend that nobody named is left out where it does not hold a size")
  func leftOut() async throws {
    let report = try await run([], ["greenlets": [60]])
    #expect(report.rows.map(\.backend) == ["native", "ucontext"])
    #expect(report.notes == ["thread is left out: it holds 50 coroutines at most"])
  }

  @Test("What was asked for and does not fit is refused before anything is measured")
  func refused() async {
    let wrong: [([String], [String: [Int]], Int?, String)] = [
      (["thread"], ["greenlets": [60]], nil, "crowd's greenlets on thread is 60"),
      (["native"], ["greenlets": [10, 900]], 900, "may take 810 MiB here"),
      // Four pages each, beside what it takes anyway.
      (["native"], ["greenlets": [1000], "touch": [16_384]], 1120, "needs about 1015 MiB"),
    ]
    for (backends, parameters, mebibytes, text) in wrong {
      do {
        _ = try await run(backends, parameters, mebibytes: mebibytes)
        Issue.record("nothing was thrown")
      } catch {
        #expect(error.description.contains(text), "\(error)")
        #expect(error.exitCode == 64)
      }
    }
  }

  @Test("A row knows its memory: the worker's, its own faults, and how long making and ending took")
  func memory() async throws {
    let row = try #require(try await run(["native"], ["greenlets": [10]]).rows.first)
    #expect(row.memory?.liveGreenlets == 10)
    #expect(row.memory?.createNanoseconds == 77 && row.memory?.destroyNanoseconds == 88)
    // Five while preparing, and one in each of 8 blocks of 2 visits of 2 batches.
    #expect(row.memory?.minorFaults == 5 + 32)
    #expect(row.p10Interval == Interval(low: 10, high: 10))
  }

  @Test("Two values are no sweep, and neither are two things that change")
  func noSweep() async throws {
    #expect(Sweep(try await run(["native"], ["greenlets": [1, 2]])) == nil)
    #expect(
      Sweep(try await run(["native"], ["greenlets": [1, 2, 3], "touch": [64, 128]])) == nil)
  }

  @Test("Every workload's scenario file is sound, and named after it; so is that of all backends")
  func scenarioFiles() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "workloads")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(files.count == 11)
    for file in files {
      let scenario = try ScenarioFile.read(folder.appending(path: file).path, seed: 1)
      #expect(file == "backends.yaml" || file == "\(scenario.workload).yaml")
      #expect(scenario.backends.first == "native")
    }
  }
}
