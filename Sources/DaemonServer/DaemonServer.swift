// The daemon's face: HTTP/1.1 over a Unix socket, and over loopback where that is asked for.

public import DaemonAPI
import FoundationEssentials
public import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

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
  /// SIGHUP reloads; SIGUSR1 writes the daemon's state to the log and to `paths.dump`. A service
  /// manager is told of all that, and its sockets are used instead of own ones.
  ///
  /// - Throws: Why nothing can be listened on.
  public func run() async throws(ServerError) {
    try await run(stoppingAt: [.sigterm, .sigint]) { _ in }
  }

  /// - Parameters:
  ///   - signals: Those that end it; for tests, none, and no others are trapped either.
  ///   - began: Is given the group when connections are accepted.
  /// - Throws: Why nothing can be listened on.
  func run(
    stoppingAt signals: [UnixSignal], began: @escaping @Sendable (ServiceGroup) -> Void
  ) async throws(ServerError) {
    let manager = ServiceManager(
      environment: configuration.environment,
      process: ProcessInfo.processInfo.processIdentifier)
    // One thread: a question takes microseconds, and a workload wants the CPUs for itself.
    let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let outcome: Result<Void, ServerError>
    do throws(ServerError) {
      outcome = .success(try await serve(on: loops, manager, stoppingAt: signals, began: began))
    } catch {
      outcome = .failure(error)
    }
    // Nothing is left that could fail, or be told of it.
    try? await loops.shutdownGracefully()
    try outcome.get()
  }

  private func serve(
    on loops: any EventLoopGroup, _ manager: ServiceManager, stoppingAt signals: [UnixSignal],
    began: @escaping @Sendable (ServiceGroup) -> Void
  ) async throws(ServerError) {
    let own = ServerMetrics(metrics)
    let serving = Serving(
      group: loops, limits: ConnectionClock.Limits(configuration),
      closing: .nanoseconds(Int64(configuration.closingSeconds * 1e9)),
      limit: ConnectionLimit(most: configuration.connectionsMax, metrics: own), metrics: own,
      streams: OpenStreams(), logger: logger)
    var listening: [any Service] = []
    var addresses: [String] = []
    func listen(_ listener: consuming Listener) async throws(ServerError) {
      let address = listener.address
      let responder = try responder(for: listener.kind, serving)
      do {
        listening.append(
          try await ListenerService(listener, responder: responder, serving: serving))
      } catch {
        throw ServerError(.fault, "\(address) cannot be listened on: \(error); start again")
      }
      addresses.append(address)
    }
    let trapped = signals.isEmpty ? nil : await TrappedSignals(stopping: signals)
    // To the very end: without them a second signal would cut the draining short.
    defer { withExtendedLifetime(trapped) {} }
    if manager.inherited.isEmpty {
      try await listen(try Listener.unix(claim))
      if let wanted = configuration.tcpPort {
        var port = wanted
        if let first = try Listener.loopback(port: port, isIPv6: false) {
          if case .tcp(let taken) = first.kind { port = taken }
          try await listen(first)
        }
        if let second = try Listener.loopback(port: port, isIPv6: true) {
          try await listen(second)
        }
      }
    } else {
      for number in manager.inherited { try await listen(try Listener.inherited(number)) }
    }
    defer { if manager.inherited.isEmpty { removeSocket() } }
    try await run(
      listening, manager, serving.streams, addresses: addresses, trapped, began: began)
  }

  private func responder(
    for kind: Listener.Kind, _ serving: Serving
  ) throws(ServerError) -> Responder {
    var admission: Admission?
    if case .tcp(let port) = kind {
      admission = Admission(port: port, token: try Token(in: claim.folder))
    }
    return Responder(
      table: API(service: service, metrics: metrics, version: configuration.version).table,
      admission: admission,
      client: admission == nil ? "uid:\(SystemCalls.user)" : "tcp",
      metrics: serving.metrics, streams: serving.streams,
      pingInterval: .seconds(configuration.pingSeconds))
  }

  private func run(
    _ listening: [any Service], _ manager: ServiceManager, _ streams: OpenStreams,
    addresses: [String], _ trapped: TrappedSignals?,
    began: @escaping @Sendable (ServiceGroup) -> Void
  ) async throws(ServerError) {
    // They stop in the reverse order, each when the one after it has ended: the draining first.
    var services = listening
    if let seconds = manager.watchdogSeconds {
      services.append(WatchdogService(service: service, manager: manager, seconds: seconds))
    }
    if let trapped {
      services.append(
        SignalService(
          signals: trapped.asking, service: service, claim: claim, hooks: hooks, manager: manager,
          logger: logger))
    }
    let drainSeconds = max(0, configuration.drainSeconds - 2 * configuration.closingSeconds)
    services.append(
      DrainService(
        hooks: hooks, streams: streams, manager: manager, seconds: drainSeconds, logger: logger))
    var configurations: [ServiceGroupConfiguration.ServiceConfiguration] = services.map { service in
      .init(
        service: service, successTerminationBehavior: .ignore,
        failureTerminationBehavior: .gracefullyShutdownGroup)
    }
    if let trapped {
      configurations.append(
        .init(
          service: StopService(signals: trapped.stopping),
          successTerminationBehavior: .gracefullyShutdownGroup,
          failureTerminationBehavior: .gracefullyShutdownGroup))
    }
    var group = ServiceGroupConfiguration(
      services: configurations, gracefulShutdownSignals: [], logger: logger)
    // Standing behind all: the group's own way out is to cancel what does not end.
    group.maximumGracefulShutdownDuration = .seconds(configuration.drainSeconds + 1)
    let running = ServiceGroup(configuration: group)
    manager.tell(.ready, .status("accepting connections"))
    logger.notice("listening", metadata: ["addresses": "\(addresses.joined(separator: " "))"])
    hooks.listening(addresses)
    began(running)
    do {
      try await running.run()
    } catch {
      throw ServerError(.fault, "the server ended by itself: \(error); start it again")
    }
    logger.notice("stopped")
  }

  private func removeSocket() {
    // What is left behind is replaced by the next daemon, under the lock.
    try? claim.folder.remove(RuntimePaths.socketName)
  }
}
