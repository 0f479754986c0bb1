// A service of jobs in the process of a trial, with its worker, over a store of the trial's own.

import DaemonJobs
import Executor
import Foundation
import Logging
import Reports
import ResultStore

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
