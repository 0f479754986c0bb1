// What the server counts of itself.

import CoreMetrics

/// The server's own series.
struct ServerMetrics: Sendable {
  let connections: Meter
  private let registry: MetricsRegistry

  /// Why a connection was closed, or not even looked at.
  enum Reason: String, Sendable {
    /// Another user's.
    case foreign

    /// A request took too long to come.
    case slowRequest = "slow-request"

    /// Nothing was asked for a long time.
    case idle

    /// What was written is not taken.
    case slowReader = "slow-reader"

    /// An answer was owed for so long that it will not come.
    case stalled

    /// No HTTP/1.1 that this server takes.
    case malformed
  }

  init(_ registry: MetricsRegistry) {
    self.registry = registry
    registry.describe("greenbench_http_requests", "Requests that were answered.")
    registry.describe("greenbench_http_request", "From a request's head to its answer's end.")
    registry.describe("greenbench_http_connections", "Connections that are open.")
    registry.describe("greenbench_http_closed", "Connections that the server ended, by reason.")
    connections = Meter(label: "greenbench_http_connections", factory: registry)
    connections.set(0)
  }

  func closed(_ reason: Reason) {
    Counter(
      label: "greenbench_http_closed", dimensions: [("reason", reason.rawValue)],
      factory: registry
    ).increment()
  }

  /// Counts an answer.
  ///
  /// - Parameters:
  ///   - route: The template, not the path: paths are without end.
  ///   - method: One that some route has, or `other`.
  ///   - status: Counted by its first digit.
  ///   - nanoseconds: nil for a stream, whose length says nothing of the server.
  func answered(route: String, method: String, status: Int, nanoseconds: Int64?) {
    let labels = [("route", route), ("method", method)]
    Counter(
      label: "greenbench_http_requests", dimensions: labels + [("status", "\(status / 100)xx")],
      factory: registry
    ).increment()
    guard let nanoseconds else { return }
    Timer(
      label: "greenbench_http_request", dimensions: [("route", route)], factory: registry
    ).recordNanoseconds(nanoseconds)
  }
}
