// A daemon for tests: workers in memory, a store in a file, a clock that stands still.

import DaemonAPI
import Executor
import Foundation
import Logging
import Reports
import ResultStore
import Synchronization
import Testing

@testable import DaemonJobs

/// One daemon after the other on the same store.
final class Laboratory {
  let stage = FakeWorker.Stage()
  let clock = Clock()
  let pressure = Reading()
  let folder: URL
  let store: ResultStore
  private(set) var service: JobService
  private let configuration: DaemonConfiguration

  /// A clock that stands still until it is moved; begins at the epoch.
  final class Clock: Sendable {
    private let nanoseconds = Atomic(0)
    var now: Int { nanoseconds.load(ordering: .relaxed) }
    func advance(seconds: Int) {
      nanoseconds.add(seconds * 1_000_000_000, ordering: .relaxed)
    }
  }

  /// What the kernel says of its pressure.
  final class Reading: Sendable {
    private let percent = Atomic(0)
    var value: Double { Double(percent.load(ordering: .relaxed)) }
    func store(_ value: Int) { percent.store(value, ordering: .relaxed) }
  }

  init(_ change: (inout DaemonConfiguration) throws -> Void = { _ in }) async throws {
    folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    store = try ResultStore(path: folder.appending(path: "results.sqlite").path)
    var configuration = DaemonConfiguration()
    try change(&configuration)
    self.configuration = configuration
    service = Self.service(stage, clock, pressure, store, configuration)
    try await service.start()
  }

  deinit {
    // It is a temporary folder: what cannot be removed now goes with the others.
    try? FileManager.default.removeItem(at: folder)
  }

  /// The daemon is gone, as if it were killed, and another one begins.
  func restart(drained: Bool = false) async throws {
    if !drained { await service.supervisor.close() }
    service = Self.service(stage, clock, pressure, store, configuration)
    try await service.start()
  }

  /// Returns when a worker has been asked for batches.
  func untilMeasuring() async throws {
    while true {
      for worker in stage.launched where await worker.questions.contains(.measure) { return }
      await Task.yield()
    }
  }

  /// Lets all writes fail, or go again: another connection holds the table's writers off.
  func refuseWrites(_ refuses: Bool) throws {
    let trigger = "CREATE TRIGGER no BEFORE UPDATE ON job BEGIN SELECT RAISE(FAIL, 'no'); END"
    try Self.execute(refuses ? trigger : "DROP TRIGGER no", store.path)
  }

  private static func execute(_ sql: String, _ path: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "python3", "-c", "import sqlite3,sys; sqlite3.connect(sys.argv[1]).execute(sys.argv[2])",
      path, sql,
    ]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  private static func service(
    _ stage: FakeWorker.Stage, _ clock: Clock, _ pressure: Reading, _ store: ResultStore,
    _ configuration: DaemonConfiguration
  ) -> JobService {
    let setting = JobService.Setting(
      version: "test",
      source: SourceVersion(commit: "unknown", dirty: false, branch: "unknown", build: "unknown"),
      launch: { stage.launch() }, pressurePercent: { pressure.value }, now: { clock.now },
      timeZone: { TimeZone(secondsFromGMT: 0) ?? .current })
    return JobService(
      store: store, configuration: configuration, setting: setting,
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
  }
}
