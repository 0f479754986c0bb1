// A thread that never ends for those steps of tasks that have no executor of their own.

import NIOCore
import NIOPosix
import Synchronization

/// The thread of tasks without an executor.
public enum TaskThreads {
  /// What is not part of the daemon's `TaskPool`: tasks that stand alone, and some steps of actors.
  private static let count = 1

  private static let stay = Mutex(false)

  /// Whether tasks run on threads that stay.
  public static var areKept: Bool { stay.withLock { $0 } }

  /// Has all tasks without an executor of their own run on an event loop of NIO's from now on; to be called once, by the first thread.
  ///
  /// Swift's own executor has libdispatch begin a thread when there is something to do, and end it after
  /// some idle seconds. Where the system has none to give, libdispatch holds whoever hands it the task
  /// and looks again once a second (DECISIONS 86).
  ///
  /// Where NIO does not know how to do that with this compiler and runtime, nothing changes.
  public static func keep() {
    NIOSingletons.groupLoopCountSuggestion = count
    let isDone =
      NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor()
    stay.withLock { $0 = isDone }
  }
}
