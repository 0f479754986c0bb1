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
    private let offset = Atomic(0)

    /// What nobody sets.
    var steady: Int { nanoseconds.load(ordering: .relaxed) }
    var now: Int { steady + offset.load(ordering: .relaxed) }
    func advance(seconds: Int) {
      nanoseconds.add(seconds * 1_000_000_000, ordering: .relaxed)
    }

    /// Sets the clock on the wall alone, from what it would be.
    func setWall(seconds: Int) { offset.store(seconds * 1_000_000_000, ordering: .relaxed) }
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
    await service.supervisor.warmUp()
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
    await service.supervisor.warmUp()
  }

  /// Returns when a worker has been asked for batches.
  func untilMeasuring() async throws {
    while true {
      for worker in stage.launched where await worker.questions.contains(.measure) { return }
      await Task.yield()
    }
  }

  /// Lets sessions, and nothing else, be refused.
  func refuseSessions() throws {
    try python("CREATE TRIGGER no BEFORE INSERT ON session BEGIN SELECT RAISE(FAIL, 'no'); END")
  }

  /// Lets what makes a job paused be refused, and nothing else.
  func refusePauses() throws {
    try python(
      "CREATE TRIGGER no BEFORE UPDATE ON job WHEN NEW.state = 'paused' "
        + "BEGIN SELECT RAISE(FAIL, 'no'); END")
  }

  private func python(_ sql: String) throws {
    let process = try Self.python(
      "import sqlite3,sys; sqlite3.connect(sys.argv[1]).execute(sys.argv[2])", store.path, sql)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  /// Holds the store as another process does in the middle of a write, or of reading, until the pipe
  /// is closed.
  func holdStore(reading: Bool = false) throws -> Pipe {
    let (input, output) = (Pipe(), Pipe())
    _ = try Self.python(
      """
      import sqlite3,sys
      db = sqlite3.connect(sys.argv[1], isolation_level=None)
      db.execute(sys.argv[2])
      if sys.argv[2] == "BEGIN": db.execute("SELECT count(*) FROM job").fetchall()
      print("held", flush=True)
      sys.stdin.read()
      """, store.path, reading ? "BEGIN" : "BEGIN IMMEDIATE", input: input, output: output)
    #expect(try output.fileHandleForReading.read(upToCount: 5) == Data("held\n".utf8))
    return input
  }

  private static func python(
    _ code: String, _ arguments: String..., input: Pipe? = nil, output: Pipe? = nil
  ) throws -> Process {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", "-c", code] + arguments
    if let input { process.standardInput = input }
    if let output { process.standardOutput = output }
    try process.run()
    return process
  }

  private static func service(
    _ stage: FakeWorker.Stage, _ clock: Clock, _ pressure: Reading, _ store: ResultStore,
    _ configuration: DaemonConfiguration
  ) -> JobService {
    let setting = JobService.Setting(
      version: "test",
      source: SourceVersion(commit: "unknown", dirty: false, branch: "unknown", build: "unknown"),
      launch: { stage.launch() }, pressurePercent: { pressure.value }, now: { clock.now },
      steady: { clock.steady }, timeZone: { TimeZone(secondsFromGMT: 0) ?? .current })
    return JobService(
      store: store, configuration: configuration, setting: setting,
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
  }
}
