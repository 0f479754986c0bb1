// On which threads the tasks of a daemon run: on a few that are begun at once and never end.

import NIOCore
import NIOPosix
import Synchronization

/// The threads of a daemon's tasks.
public enum TaskThreads {
  /// One for what is asked, and one for what takes longer: a task stays on the thread that it began on.
  private static let count = 2

  private static let stay = Mutex(false)

  /// Whether tasks run on threads that stay.
  public static var areKept: Bool { stay.withLock { $0 } }

  /// Has all tasks of this process run on event loops of NIO's from now on; to be called once, by the first thread.
  ///
  /// Swift's own executor has libdispatch begin a thread when there is something to do, and end it after
  /// some idle seconds. Where the system has none to give, libdispatch holds whoever hands it the task
  /// and looks again once a second (DECISIONS 86). The loops are not those of the connections, so that a task
  /// which blocks delays other tasks, but no deadline of a connection.
  ///
  /// Where NIO does not know how to do that with this compiler and runtime, nothing changes.
  public static func keep() {
    NIOSingletons.groupLoopCountSuggestion = count
    let isDone =
      NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor()
    stay.withLock { $0 = isDone }
  }
}
