// A server that says what a test wants, byte by byte, and remembers what it was asked.

import DaemonClient
import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// What a server does with one request.
enum Step: Sendable {
  /// Writes, and flushes.
  case send(String)

  /// Writes a byte this many times.
  case flood(Int)
  case close
}

/// Listens at a Unix socket in a folder of its own, or at a port of loopback.
final class ScriptedServer: Sendable {
  /// Chooses the steps by the number of the connection, of the request on it, and its text.
  typealias Script = @Sendable (_ connection: Int, _ request: Int, _ text: String) -> [Step]

  let folder: String
  private let channel: any Channel
  private let log: RequestLog

  /// - Parameter loopback: Whether to listen at a port, with a token in the folder.
  init(loopback: Bool = false, _ script: @escaping Script) async throws {
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
    }
  }

  var address: DaemonAddress {
    if let port = channel.localAddress?.port {
      return .loopback(host: "127.0.0.1", port: port, tokenFile: "\(folder)/token")
    }
    return .socket(path: "\(folder)/daemon.sock")
  }

  /// Everything that was asked, in the order in which it came.
  var requests: [String] { log.requests }
  var connections: Int { log.connections }

  /// Ends it, and removes its folder.
  func stop(keepingFolder: Bool = false) async throws {
    try await channel.close()
    if !keepingFolder { try FileManager.default.removeItem(atPath: folder) }
  }

  /// Runs a test with a server, and ends it in any case.
  static func with(
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
  static func makeFolder() throws -> String {
    let name = UUID().uuidString.prefix(8).lowercased()
    let folder = FileManager.default.temporaryDirectory.appending(path: "gb-\(name)").path
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return folder
  }

  static func write(_ text: String, to path: String, mode: Int) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  /// A complete answer.
  static func answer(
    _ body: String, status: String = "200 OK", type: String = "application/json",
    headers: String = ""
  ) -> String {
    "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n"
      + "\(headers)\r\n\(body)"
  }

  /// The head of a stream.
  static let streamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

  /// A piece of a stream.
  static func chunk(_ text: String) -> String {
    "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
  }

  static let streamEnd = "0\r\n\r\n"
}

/// What a server was asked.
final class RequestLog: Sendable {
  private let state = Mutex<(connections: Int, requests: [String])>((0, []))

  var requests: [String] { state.withLock { $0.requests } }
  var connections: Int { state.withLock { $0.connections } }

  /// Returns the number of a new connection, from 1.
  func connect() -> Int {
    state.withLock {
      $0.connections += 1
      return $0.connections
    }
  }

  func add(_ request: String) { state.withLock { $0.requests.append(request) } }
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
    for step in steps {
      switch step {
      case .send(let text):
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
      case .flood(let count):
        let bytes = ByteBuffer(repeating: UInt8(ascii: "x"), count: count)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
      case .close: context.close(promise: nil)
      }
    }
  }

  private var length: Int {
    let line = text.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
    return line.flatMap { Int($0.drop { $0 != " " }.dropFirst()) } ?? 0
  }
}
