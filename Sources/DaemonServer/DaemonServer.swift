// The daemon's face: HTTP/1.1 over a Unix socket, and over loopback where that is asked for.

public import DaemonAPI
public import Logging

/// Serves a daemon until a signal ends it.
public struct DaemonServer: Sendable {
  let service: any DaemonService
  let claim: RuntimeClaim
  let configuration: ServerConfiguration
  let hooks: Hooks
  let metrics: MetricsRegistry
  let logger: Logger

  /// - Parameters:
  ///   - service: What answers.
  ///   - claim: The runtime folder's; `configuration.paths` are the same.
  ///   - configuration: What to listen on.
  ///   - hooks: What else has to be done at signals.
  ///   - metrics: What `/metrics` shows; to be the process's `MetricsSystem` factory, too.
  ///   - logger: Takes one line for a start, an end, and each refused connection.
  public init(
    service: any DaemonService, claim: RuntimeClaim, configuration: ServerConfiguration,
    hooks: Hooks = Hooks(), metrics: MetricsRegistry, logger: Logger
  ) {
    self.service = service
    self.claim = claim
    self.configuration = configuration
    self.hooks = hooks
    self.metrics = metrics
    self.logger = logger
  }

  /// Listens, answers, and returns when all is drained after SIGTERM or SIGINT.
  ///
  /// SIGHUP reloads; SIGUSR1 writes the daemon's state to the log and to `paths.dump`.
  public func run() async throws(ServerError) {}
}
