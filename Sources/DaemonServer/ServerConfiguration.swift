// What a server listens on, and its limits.

public import DaemonAPI

/// How to serve.
///
/// All times are in seconds.
public struct ServerConfiguration: Hashable, Sendable {
  public var paths: RuntimePaths

  /// A port of 127.0.0.1 and ::1 to listen on, too; 0 takes a free one; nil: the Unix socket only.
  public var tcpPort: UInt16?

  /// What `/v1` says of the program.
  public var version: String

  /// The process's: tells of a service manager, and of sockets that it made.
  public var environment: [String: String]

  /// Connections at once; more wait in the kernel's queue until one ends.
  public var connectionsMax = 512

  /// From a request's first byte to the last one of its body.
  public var requestSeconds: Double = 10

  /// Between two requests of a connection.
  public var idleSeconds: Double = 75

  /// For a client to take something of what is written to it.
  public var writeSeconds: Double = 30

  /// Between two comments on a stream where nothing happens.
  public var pingSeconds: Double = 15

  /// From a signal to the end.
  public var drainSeconds: Double = 5

  /// Of those, for the ends of answers that are being written; then their connections are closed.
  ///
  /// As much again is kept for what the server does after that.
  public var closingSeconds: Double = 0.5

  public init(
    paths: RuntimePaths, tcpPort: UInt16? = nil, version: String, environment: [String: String]
  ) {
    self.paths = paths
    self.tcpPort = tcpPort
    self.version = version
    self.environment = environment
  }
}

/// What the server asks the rest of the daemon to do.
public struct Hooks: Sendable {
  /// Ends what runs: called once, at the first SIGTERM or SIGINT, while requests are still answered.
  ///
  /// Takes the seconds that it may last; the server goes on without it after them.
  public var drain: @Sendable (_ seconds: Double) async -> Void

  /// Told once, when connections are accepted: the socket's path and `http://` addresses.
  public var listening: @Sendable (_ addresses: [String]) -> Void

  /// Reads the configuration anew; called at each SIGHUP, one at a time.
  public var reload: @Sendable () async -> Void

  public init(
    drain: @escaping @Sendable (_ seconds: Double) async -> Void = { _ in },
    listening: @escaping @Sendable (_ addresses: [String]) -> Void = { _ in },
    reload: @escaping @Sendable () async -> Void = {}
  ) {
    self.drain = drain
    self.listening = listening
    self.reload = reload
  }
}
