// Where a daemon and its clients meet: the runtime folder and what lies in it.

/// The runtime folder of one daemon, by name; nothing is looked at.
///
/// The folder is the user's alone (0700), and so is all that lies in it (0600).
public struct RuntimePaths: Hashable, Sendable {
  public let folder: String

  /// The Unix socket.
  public var socket: String { "\(folder)/\(Self.socketName)" }

  /// Held by the daemon as long as it runs; its text is the daemon's process id.
  public var lock: String { "\(folder)/\(Self.lockName)" }

  /// What a client over TCP has to know.
  public var token: String { "\(folder)/\(Self.tokenName)" }

  /// What `greenbench daemon start` lets the daemon write to.
  public var log: String { "\(folder)/\(Self.logName)" }

  /// What the daemon writes its state to at SIGUSR1.
  public var dump: String { "\(folder)/\(Self.dumpName)" }

  public static let socketName = "daemon.sock"
  public static let lockName = "daemon.lock"
  public static let tokenName = "token"
  public static let logName = "daemon.log"
  public static let dumpName = "dump.txt"

  /// The longest path of a socket that the kernel takes, in bytes.
  public static let socketBytesMax = 107

  /// Names another folder.
  public init(folder: String) {
    self.folder = folder
  }

  /// The user's folder.
  ///
  /// - Parameter environment: The process's environment: `$GREENBENCH_RUNTIME_DIR` is the folder
  ///   itself; otherwise it is `greenbench` below `$XDG_RUNTIME_DIR`, or `greenbench/run` below
  ///   `$XDG_STATE_HOME` or `~/.local/state`.
  public init(environment: [String: String]) {
    if let folder = environment["GREENBENCH_RUNTIME_DIR"], !folder.isEmpty {
      self.init(folder: folder)
    } else if let runtime = environment["XDG_RUNTIME_DIR"], runtime.hasPrefix("/") {
      self.init(folder: "\(runtime)/greenbench")
    } else if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
      // The XDG specification: a relative path is to be ignored.
      self.init(folder: "\(state)/greenbench/run")
    } else {
      self.init(folder: "\(environment["HOME"] ?? ".")/.local/state/greenbench/run")
    }
  }
}
