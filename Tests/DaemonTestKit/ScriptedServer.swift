// A server that says what a test wants, byte by byte, and remembers what it was asked.

package import DaemonClient
import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// What a server does with one request.
package enum Step: Sendable {
  /// Writes, and flushes.
  case send(String)

  /// Writes a byte this many times.
  case flood(Int)

  /// Goes on when somebody has asked something that contains this.
  case wait(String)
  case close
}

/// Listens at a Unix socket in a folder of its own, or at a port of loopback.
package final class ScriptedServer: Sendable {
  /// Chooses the steps by the number of the connection, of the request on it, and its text.
  package typealias Script = @Sendable (_ connection: Int, _ request: Int, _ text: String) -> [Step]

  package let folder: String
  private let channel: any Channel
  private let log: RequestLog

  /// - Parameters:
  ///   - loopback: Whether to listen at a port, with a token in the folder.
  ///   - script: What to answer.
  /// - Throws: What the system refuses.
  package init(loopback: Bool = false, _ script: @escaping Script) async throws {
    folder = try Self.makeFolder()
    let log = RequestLog()
    self.log = log
    let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            Talker(connection: log.connect(), log: log, script: script))
        }
      }
    if loopback {
      try Self.write("0123456789abcdef0123456789abcdef\n", to: "\(folder)/token", mode: 0o600)
      channel = try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
    } else {
      channel = try await bootstrap.bind(unixDomainSocketPath: "\(folder)/daemon.sock").get()
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o600], ofItemAtPath: "\(folder)/daemon.sock")
    }
  }

  package var address: DaemonAddress {
    if let port = channel.localAddress?.port {
      return .loopback(host: "127.0.0.1", port: port, tokenFile: "\(folder)/token")
    }
    return .socket(path: "\(folder)/daemon.sock")
  }

  /// Everything that was asked, in the order in which it came.
  package var requests: [String] { log.requests }
  package var connections: Int { log.connections }

  /// Ends it, and removes its folder.
  package func stop(keepingFolder: Bool = false) async throws {
    log.end()
    try await channel.close()
    if !keepingFolder { try FileManager.default.removeItem(atPath: folder) }
  }

  /// Runs a test with a server, and ends it in any case.
  package static func with(
    loopback: Bool = false, _ script: @escaping Script,
    _ body: (ScriptedServer) async throws -> Void
  ) async throws {
    let server = try await ScriptedServer(loopback: loopback, script)
    do {
      try await body(server)
    } catch {
      try await server.stop()
      throw error
    }
    try await server.stop()
  }

  /// A folder of the user's alone, with a short name: the path of a socket has 107 bytes at most.
  package static func makeFolder() throws -> String {
    let name = UUID().uuidString.prefix(8).lowercased()
    let folder = FileManager.default.temporaryDirectory.appending(path: "gb-\(name)").path
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return folder
  }

  package static func write(_ text: String, to path: String, mode: Int) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  /// A complete answer.
  package static func answer(
    _ body: String, status: String = "200 OK", type: String = "application/json",
    headers: String = ""
  ) -> String {
    "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n"
      + "\(headers)\r\n\(body)"
  }

  /// The head of a stream.
  package static let streamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

  /// A piece of a stream.
  package static func chunk(_ text: String) -> String {
    "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
  }

  package static let streamEnd = "0\r\n\r\n"
}

/// What a server was asked.
final class RequestLog: Sendable {
  private struct State {
    var connections = 0
    var requests: [String] = []
    var waiters: [(text: String, promise: EventLoopPromise<Void>)] = []
  }
  private let state = Mutex(State())

  var requests: [String] { state.withLock { $0.requests } }
  var connections: Int { state.withLock { $0.connections } }

  /// Returns the number of a new connection, from 1.
  func connect() -> Int {
    state.withLock {
      $0.connections += 1
      return $0.connections
    }
  }

  func add(_ request: String) {
    let woken = state.withLock { state in
      state.requests.append(request)
      let woken = state.waiters.filter { request.contains($0.text) }
      state.waiters.removeAll { request.contains($0.text) }
      return woken
    }
    for waiter in woken { waiter.promise.succeed() }
  }

  /// Done when a request contains a text, whether it came already or not.
  func request(containing text: String, on loop: any EventLoop) -> EventLoopFuture<Void> {
    let promise = loop.makePromise(of: Void.self)
    let isThere = state.withLock { state in
      if state.requests.contains(where: { $0.contains(text) }) { return true }
      state.waiters.append((text, promise))
      return false
    }
    if isThere { promise.succeed() }
    return promise.futureResult
  }

  /// Lets nobody wait any more.
  func end() {
    for waiter in state.withLock({ $0.waiters }) { waiter.promise.succeed() }
  }
}

/// One connection: waits for whole requests, and takes the steps for each.
private final class Talker: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let connection: Int
  private let log: RequestLog
  private let script: ScriptedServer.Script
  private var text = ""
  private var count = 0

  init(connection: Int, log: RequestLog, script: @escaping ScriptedServer.Script) {
    self.connection = connection
    self.log = log
    self.script = script
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    text += String(buffer: unwrapInboundIn(data))
    guard let end = text.firstRange(of: "\r\n\r\n"), text[end.upperBound...].utf8.count >= length
    else { return }
    count += 1
    log.add(text)
    let steps = script(connection, count, text)
    text = ""
    take(steps[...], context.channel)
  }

  private func take(_ steps: ArraySlice<Step>, _ channel: any Channel) {
    guard let step = steps.first else { return }
    switch step {
    case .send(let text): channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    case .flood(let count):
      let bytes = ByteBuffer(repeating: UInt8(ascii: "x"), count: count)
      channel.writeAndFlush(bytes, promise: nil)
    case .close: channel.close(promise: nil)
    case .wait(let text):
      log.request(containing: text, on: channel.eventLoop).assumeIsolated().whenSuccess {
        self.take(steps.dropFirst(), channel)
      }
      return
    }
    take(steps.dropFirst(), channel)
  }

  private var length: Int {
    let line = text.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
    return line.flatMap { Int($0.drop { $0 != " " }.dropFirst()) } ?? 0
  }
}
