// What can be set about a daemon, with what it is unless somebody sets it.

public import DaemonAPI
public import Logging

/// The settings of a daemon.
public struct DaemonConfiguration: Hashable, Sendable {
  /// The most jobs that may be open at once.
  public var queueLimit = DaemonProtocol.queuedJobsMax

  /// Hours in which nothing starts.
  public var quietHours: QuietHours?

  /// What the machine has to be like before a job that does not say so itself begins.
  public var quiet: QuietCondition?
  public var logLevel = Logger.Level.info

  /// How many of the newest events, jobs and samples of its own memory the store keeps.
  public var eventsKept = 100_000
  public var jobsKept = 100_000
  public var samplesKept = 100_000

  /// Between two samples of the daemon's own memory: all that an idle daemon wakes up for.
  public var sampleSeconds = 300

  /// The port on loopback; nil for none.
  public var tcpPort: Int?

  /// The most clients at once.
  public var connectionsMax = 512

  /// After so many groups of rows a worker is ended, and a fresh one started.
  public var workerRecycleGroups = 64

  static let queueLimits = 1...100_000
  static let keptLimits = 1...10_000_000
  static let sampleSecondsLimits = 1...86_400
  static let tcpPorts = 1...65_535
  static let connectionsLimits = 1...10_000
  static let workerRecycleLimits = 1...1_000_000

  /// The standard settings.
  public init() {}
}

extension DaemonConfiguration {
  /// What differs from the configuration that a daemon was started with, and cannot be changed in it.
  ///
  /// - Parameter start: That configuration.
  /// - Returns: The names of the settings, as the file has them.
  public func differencesThatWait(since start: DaemonConfiguration) -> [String] {
    [
      ("log_level", logLevel != start.logLevel), ("tcp_port", tcpPort != start.tcpPort),
      ("connections_max", connectionsMax != start.connectionsMax),
    ].filter(\.1).map(\.0)
  }
}
