// A server in a folder of its own, for as long as a test lasts.

import DaemonAPI
import Foundation
import Logging
import ServiceLifecycle
import Testing

@testable import DaemonServer

/// A temporary folder, removed with this value.
final class Folder: Sendable {
  let path: String

  init() throws {
    // Short, for the bytes of a socket's path.
    path = "/tmp/gbs-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var runtime: RuntimePaths { RuntimePaths(folder: "\(path)/run") }
}

/// What a test gets of it.
struct RunningServer: Sendable {
  let service: FakeService
  let configuration: ServerConfiguration
  let metrics: MetricsRegistry
  let addresses: [String]
  let group: ServiceGroup

  var port: UInt16 {
    get throws {
      let address = try #require(addresses.first { $0.hasPrefix("http://127.0.0.1:") })
      return try #require(UInt16(address.split(separator: ":").last ?? ""))
    }
  }

  var token: String {
    get throws {
      try String(contentsOfFile: configuration.paths.token, encoding: .utf8)
        .trimmingCharacters(in: .newlines)
    }
  }

  /// Its metrics, without a request that would be counted, or be too slow itself.
  var figures: String { OpenMetricsText.document(of: metrics, gauges: []) }

  func wire() async throws -> Wire { try await Wire.unix(configuration.paths.socket) }

  /// Sends one request over the Unix socket, and reads until the server closes.
  func ask(_ text: String) async throws -> Reply {
    let wire = try await wire()
    await wire.send(text)
    return Reply(try await wire.readToEnd())
  }

  /// A request without a body.
  func get(_ path: String, method: String = "GET", fields: String = "") async throws -> Reply {
    try await ask(
      "\(method) \(path) HTTP/1.1\r\nHost: x\r\n\(fields)Connection: close\r\n\r\n")
  }

  func post(_ path: String, _ body: String, fields: String = "") async throws -> Reply {
    try await ask(
      "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\(fields)Connection: close\r\n\r\n\(body)")
  }
}

/// A response taken apart, as far as tests look at it.
struct Reply: CustomStringConvertible {
  let description: String

  init(_ text: String) {
    description = text
  }

  var status: Int {
    Int(description.dropFirst("HTTP/1.1 ".count).prefix(3)) ?? 0
  }

  var head: String { description.components(separatedBy: "\r\n\r\n").first ?? "" }

  var body: String {
    description.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
  }

  func field(_ name: String) -> String? {
    head.components(separatedBy: "\r\n").first {
      $0.lowercased().hasPrefix(name.lowercased() + ":")
    }.map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
  }

  func json<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: Data(body.utf8))
  }
}

/// What a test wants otherwise than usual.
struct Change {
  let apply: (inout ServerConfiguration) -> Void

  static func set<Value>(
    _ path: WritableKeyPath<ServerConfiguration, Value>, _ value: Value
  ) -> Change {
    Change { $0[keyPath: path] = value }
  }
}

/// Runs a server around a test.
func withServer(
  tcp: Bool = false, service: FakeService = FakeService(), hooks: Hooks = Hooks(),
  adjust: Change = Change { _ in },
  _ body: @escaping @Sendable (RunningServer) async throws -> Void
) async throws {
  let folder = try Folder()
  try await withServer(
    in: folder, tcp: tcp, service: service, hooks: hooks, adjust: adjust, body)
}

func withServer(
  in folder: Folder, tcp: Bool = false, service: FakeService = FakeService(),
  hooks: Hooks = Hooks(), adjust: Change = Change { _ in },
  _ body: @escaping @Sendable (RunningServer) async throws -> Void
) async throws {
  var configuration = ServerConfiguration(
    paths: folder.runtime, tcpPort: tcp ? 0 : nil, version: "9.9.9", environment: [:])
  adjust.apply(&configuration)
  let metrics = MetricsRegistry()
  let (listening, listens) = AsyncStream.makeStream(of: [String].self)
  let (groups, group) = AsyncStream.makeStream(of: ServiceGroup.self)
  var hooks = hooks
  hooks.listening = { listens.yield($0) }
  let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  let server = DaemonServer(
    service: service, claim: try RuntimeClaim(configuration.paths), configuration: configuration,
    hooks: hooks, metrics: metrics, logger: logger)
  let running = Task {
    defer {
      listens.finish()
      group.finish()
    }
    try await server.run(stoppingAt: []) { group.yield($0) }
  }
  guard let addresses = await listening.first(where: { _ in true }),
    let started = await groups.first(where: { _ in true })
  else { return try await running.value }
  let outcome = await Result {
    try await body(
      RunningServer(
        service: service, configuration: configuration, metrics: metrics, addresses: addresses,
        group: started))
  }
  await started.triggerGracefulShutdown()
  try await running.value
  try outcome.get()
}

extension Result where Failure == any Error {
  init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
