// The threads of `daemon run`, which never end: one for pauses, two for tasks.

import DaemonAPI
import Threads

/// The threads that a daemon has from its start.
enum DaemonThreads {
  /// One that blocks holds nobody as long as there is another; a workload wants the CPUs for itself.
  private static let count = 2

  /// Begun by who asks first, once.
  private static let tasks = Result { () throws(TaskThreads.Failure) in
    try TaskThreads.keep(count, atRest: AllocatedBytes.giveBack)
  }

  /// Has tasks run on them, if that can be; to be called before there is a task.
  static func begin() { _ = tasks }

  /// Whether tasks run on threads that never end; if not, this Swift does not allow it.
  ///
  /// - Throws: `DaemonFault`, if the system has no threads for a daemon.
  static func areKept() throws -> Bool {
    do throws(SystemFailure) {
      try Alarm.begin()
    } catch {
      throw noThreads(error.code)
    }
    switch tasks {
    case .success: return true
    case .failure(.noHook): return false
    case .failure(.noThreads(let code)): throw noThreads(code)
    }
  }

  private static func noThreads(_ code: Int32) -> DaemonFault {
    DaemonFault(
      .internalError, "there are no threads for a daemon (errno \(code)); allow more processes")
  }
}
