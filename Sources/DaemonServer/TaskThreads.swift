// On which threads the tasks of a daemon run: on those that it has anyway, and that never end.

import NIOCore
import NIOPosix

/// The threads of a daemon's tasks.
public enum TaskThreads {
  /// Has all tasks of this process run on the threads of its connections, from now on; to be called once.
  ///
  /// Swift's own executor has libdispatch begin a thread when there is something to do, and end it after
  /// some idle seconds. Where the system has none to give, libdispatch holds whoever hands it the task
  /// and looks again once a second (DECISIONS 86). Tasks must not block here either.
  ///
  /// - Returns: false where NIO does not know how to do that with this runtime; then nothing changes.
  public static func keep() -> Bool {
    NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor()
  }
}
