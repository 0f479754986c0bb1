// A service of jobs in the process of a trial, with its worker, over a store of the trial's own.

import DaemonJobs
import Dispatch
import Executor
import Foundation
import Logging
import Reports
import ResultStore
import StressKit
import Synchronization

extension JobService {
  /// One that has nothing to say, with this program's worker.
  static func ofTrial(
    _ store: ResultStore, _ program: String,
    pressurePercent: @escaping @Sendable () -> Double = { 0 },
    now: @escaping @Sendable () -> Int = { Int(Date().timeIntervalSince1970 * 1e6) * 1000 }
  ) -> JobService {
    let setting = Setting(
      version: "trial",
      source: SourceVersion(commit: "unknown", dirty: false, branch: "unknown", build: "unknown"),
      launch: { await WorkerProcess.launch(program) },
      pressurePercent: pressurePercent, now: now)
    return JobService(
      store: store, configuration: DaemonConfiguration(), setting: setting,
      logger: Logger(label: "trial", factory: { _ in SwiftLogNoOpLogHandler() }))
  }
}

/// Waits on this thread for what tasks do on others.
enum Blocking {
  private final class Result<Value: Sendable>: Sendable {
    let value = Mutex<Swift.Result<Value, any Error>?>(nil)
  }

  static func run<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) throws -> Value {
    let (result, done) = (Result<Value>(), DispatchSemaphore(value: 0))
    Task {
      do {
        let value = try await body()
        result.value.withLock { $0 = .success(value) }
      } catch {
        result.value.withLock { $0 = .failure(error) }
      }
      done.signal()
    }
    done.wait()
    guard let value = result.value.withLock({ $0 }) else { throw Finding("a task left no result") }
    return try value.get()
  }
}
