// One connection to a daemon: a question at a time, and its answer part by part.

import NIOCore
import NIOHTTP1
import NIOPosix

/// A connection that is open.
///
/// Used by one task at a time; the pool sees to that.
final class ClientConnection: Sendable {
  private let channel: any Channel
  private let reader: NIOLoopBound<ResponseReader>
  private let place: String
  let peer: DaemonPeer?

  private init(
    channel: any Channel, reader: NIOLoopBound<ResponseReader>, place: String, peer: DaemonPeer?
  ) {
    self.channel = channel
    self.reader = reader
    self.place = place
    self.peer = peer
  }

  /// Connects, and looks who listens before anything is said.
  static func open(
    _ address: DaemonAddress, by deadline: ClientDeadline
  ) async throws(DaemonClientError) -> ClientConnection {
    let place = address.place
    if case .socket(let path) = address { try PathTrust.check(socket: path) }
    let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connectTimeout(deadline.remaining)
      .channelOption(.autoRead, value: false)
    typealias Opened = (channel: any Channel, reader: NIOLoopBound<ResponseReader>)
    let initialise: @Sendable (any Channel) -> EventLoopFuture<Opened> = { channel in
      channel.eventLoop.makeCompletedFuture {
        let reader = ResponseReader()
        try channel.pipeline.syncOperations.addHTTPClientHandlers()
        try channel.pipeline.syncOperations.addHandler(reader)
        return (channel, NIOLoopBound(reader, eventLoop: channel.eventLoop))
      }
    }
    do {
      let opened: Opened
      switch address {
      case .socket(let path):
        opened = try await bootstrap.connect(
          unixDomainSocketPath: path, channelInitializer: initialise)
      case .loopback(let host, let port, _):
        let address = try SocketAddress(ipAddress: host, port: port)
        opened = try await bootstrap.connect(to: address, channelInitializer: initialise)
      }
      var peer: DaemonPeer?
      if case .socket = address { peer = try await self.peer(of: opened.channel) }
      let connection = ClientConnection(
        channel: opened.channel, reader: opened.reader, place: place, peer: peer)
      guard peer?.isTrusted ?? true else {
        connection.close()
        throw DaemonClientError.forbidden(
          place: place, reason: "is answered by a process of another user")
      }
      return connection
    } catch let error as DaemonClientError {
      throw error
    } catch {
      throw failure(of: error, place: place, deadline: deadline)
    }
  }

  /// Asks the kernel who made the other end.
  private static func peer(of channel: any Channel) async throws -> DaemonPeer? {
    guard let options = channel as? any SocketOptionProvider else { return nil }
    // `struct ucred`, which the C library hides from Swift: three numbers of 32 bits.
    let credentials: (pid: Int32, uid: UInt32, gid: UInt32) =
      try await options.unsafeGetSocketOption(
        level: .socket, name: NIOBSDSocket.Option(rawValue: Self.peerCredentials)
      ).get()
    return DaemonPeer(pid: credentials.pid, uid: credentials.uid)
  }

  /// SO_PEERCRED of Linux on x86_64 and AArch64.
  private static let peerCredentials: CInt = 17

  /// Sends a question as a whole.
  func send(_ question: Question, host: String, token: String?) async throws(DaemonClientError) {
    var headers = HTTPHeaders([("Host", host), ("Accept", question.accept)])
    if let token { headers.add(name: "Authorization", value: "Bearer \(token)") }
    for (name, value) in question.headers { headers.add(name: name, value: value) }
    if question.method == .POST {
      headers.add(name: "Content-Length", value: String(question.body?.count ?? 0))
    }
    if question.body != nil { headers.add(name: "Content-Type", value: "application/json") }
    let head = HTTPRequestHead(
      version: .http1_1, method: question.method, uri: question.path, headers: headers)
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    if let body = question.body {
      let buffer = channel.allocator.buffer(bytes: body)
      channel.write(HTTPClientRequestPart.body(.byteBuffer(buffer)), promise: nil)
    }
    // A failed write shows in the reading that follows, which also knows an answer that came before.
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
  }

  /// Waits for the next part of the answer, until an instant.
  func next(by deadline: ClientDeadline) async throws(DaemonClientError) -> HTTPClientResponsePart {
    try await next(deadline) { deadline.instant }
  }

  /// Waits for the next part of the answer, for some time.
  ///
  /// The time begins with the waiting: a process that was stopped meanwhile finds what has come.
  func next(within silence: Duration) async throws(DaemonClientError) -> HTTPClientResponsePart {
    try await next(ClientDeadline(silence)) { .now() + TimeAmount(silence) }
  }

  private func next(
    _ deadline: ClientDeadline, until instant: @escaping @Sendable () -> NIODeadline
  ) async throws(DaemonClientError) -> HTTPClientResponsePart {
    let (channel, reader) = (channel, reader)
    do {
      return try await withTaskCancellationHandler {
        try await channel.eventLoop.flatSubmit {
          reader.value.next(by: instant(), on: channel.eventLoop)
        }.get()
      } onCancel: {
        channel.close(promise: nil)
      }
    } catch {
      throw Self.failure(of: error, place: place, deadline: deadline)
    }
  }

  /// Whether another question can be asked here.
  func isReusable() async -> Bool {
    let (channel, reader) = (channel, reader)
    guard channel.isActive else { return false }
    // An event loop that refuses work is one that ended; then there is nothing to use again.
    return (try? await channel.eventLoop.submit { reader.value.isIdle }.get()) ?? false
  }

  func close() { channel.close(promise: nil) }

  static func failure(
    of error: any Error, place: String, deadline: ClientDeadline
  ) -> DaemonClientError {
    switch error {
    case let error as DaemonClientError: return error
    case ResponseReader.End.closed:
      return .unreachable(place: place, reason: "closed the connection")
    case ResponseReader.End.late, ChannelError.connectTimeout:
      return .timedOut(place: place, seconds: deadline.seconds)
    case ResponseReader.End.failed(let inner):
      return failure(of: inner, place: place, deadline: deadline)
    case HTTPParserError.invalidEOFState:
      return .unreachable(place: place, reason: "closed the connection within an answer")
    case let error as HTTPParserError:
      return .nonsense(place: place, reason: "not HTTP: \(error)")
    case let error as IOError:
      switch error.errnoCode {
      case 2, 111: return .notRunning(place: place)
      case 1, 13: return .forbidden(place: place, reason: "does not let this user in")
      default: return .unreachable(place: place, reason: "broke the connection: \(error)")
      }
    case let error as NIOConnectionError:
      guard let first = error.connectionErrors.first else {
        return .notRunning(place: place)
      }
      return failure(of: first.error, place: place, deadline: deadline)
    default:
      return .unreachable(place: place, reason: "cannot be asked: \(error)")
    }
  }
}

/// An instant by which something has to have happened, and how long that was from its start.
struct ClientDeadline: Sendable {
  let instant: NIODeadline
  let seconds: Double

  init(_ duration: Duration) {
    let amount = TimeAmount(duration)
    instant = .now() + amount
    seconds = Double(amount.nanoseconds) / 1e9
  }

  var remaining: TimeAmount { max(.nanoseconds(1), instant - .now()) }
}

/// One request.
struct Question: Sendable {
  var method: HTTPMethod
  var path: String
  var body: [UInt8]?
  var headers: [(String, String)] = []
  var accept = "application/json"

  /// Whether asking twice does no more than asking once.
  var isRepeatable: Bool
}
