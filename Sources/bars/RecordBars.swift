// Bars of the record wing: how long a run, a write and a listing take, as users see them.

import Foundation
import Reports
import ResultStore

/// Area `record`: the store and the command line.
///
/// Times in seconds or milliseconds of this machine.
enum RecordBars {
  static func run() throws -> [Bar] {
    let folder = FileManager.default.temporaryDirectory.appending(path: "bars-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer {
      do { try FileManager.default.removeItem(at: folder) } catch {
        FileHandle.standardError.write(Data("bars: \(folder.path) is left: \(error)\n".utf8))
      }
    }
    return [
      Bar(
        "run ping-pong, three backends",
        try seconds(3, "run", "ping-pong", "--quiet", "--store", folder.path + "/run.sqlite"),
        atMost: 15, unit: "s"),
      Bar(
        "run ping-pong --quick",
        try seconds(
          3, "run", "ping-pong", "--quick", "--quiet", "--store", folder.path + "/run.sqlite"),
        atMost: 4, unit: "s"),
      Bar(
        "store a session of three rows", try append(to: folder.path + "/append.sqlite"),
        atMost: 50, unit: "ms"),
      Bar(
        "list, 10,000 runs stored", try list(folder.path + "/list.sqlite"), atMost: 100,
        unit: "ms"),
    ]
  }

  /// How long the program beside this one takes, whole processes.
  private static func seconds(_ repetitions: Int, _ arguments: String...) throws -> [Double] {
    let program = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
      .appending(path: "greenbench")
    return try (0..<repetitions).map { _ in
      let process = Process()
      process.executableURL = program
      process.arguments = arguments
      process.standardOutput = FileHandle.nullDevice
      let start = ContinuousClock.now
      try process.run()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else {
        throw RecordBarError(
          description: "greenbench \(arguments.joined(separator: " ")) ended with"
            + " \(process.terminationStatus); run it by hand")
      }
      return (ContinuousClock.now - start) / .seconds(1)
    }
  }

  private static func append(to path: String) throws -> [Double] {
    let store = try ResultStore(path: path)
    return try (0..<20).map { _ in
      let record = session(rows: 3, blocks: 20, batches: 20)
      let start = ContinuousClock.now
      try store.append(record)
      return (ContinuousClock.now - start) / .milliseconds(1)
    }
  }

  private static func list(_ path: String) throws -> [Double] {
    let store = try ResultStore(path: path)
    for _ in 0..<2500 { try store.append(session(rows: 3, blocks: 1, batches: 2)) }
    return try seconds(9, "list", "--store", path).map { $0 * 1000 }
  }

  /// A session as `run` makes it: so many rows and the control.
  private static func session(rows: Int, blocks: Int, batches: Int) -> SessionRecord {
    let measurement = RowMeasurement(
      blocks: (0..<blocks).map { number in
        MeasuredBlock(
          number: number, position: 0,
          batches: (0..<batches).map { Batch(nanoseconds: 1_000_000 + $0, operations: 200_000) },
          pressure: 0)
      }, switchesInKernel: false)
    let report = RunReport(
      session: UUID().uuidString.lowercased(), seed: 1, environment: ["cpu": "bars"],
      verdict: .ok, exit: 0,
      rows: (0..<rows).map {
        Row(
          workload: "ping-pong", backend: "backend-\($0)", stack: "mapped:64KiB",
          parameters: ["rounds": 100])
      })
    return SessionRecord(
      report: report, startedUnixNanoseconds: 1, commandLine: "bars",
      source: SourceVersion(commit: "unknown", dirty: false, branch: "", build: "bars"),
      measurements: Array(repeating: measurement, count: rows), control: measurement)
  }
}

/// A program that a bar needs did not do its work.
struct RecordBarError: Error, CustomStringConvertible {
  let description: String
}
