// Accepts connections of one listener, and answers their requests.

import DaemonAPI
import HummingbirdCore
import Logging
import NIOCore
import NIOExtras
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOPosix
import ServiceLifecycle

/// What all listeners share.
struct Serving: Sendable {
  let group: any EventLoopGroup
  let limits: ConnectionClock.Limits

  /// For the ends of answers, when the server stops.
  let closing: TimeAmount
  let limit: ConnectionLimit
  let metrics: ServerMetrics
  let streams: OpenStreams
  let logger: Logger
}

/// One listener, from its first connection until the server stops.
struct ListenerService: Service {
  let channel: NIOAsyncChannel<HTTP1Channel.Value, Never>
  private let http: HTTP1Channel
  private let quiescing: ServerQuiescingHelper
  private let serving: Serving

  /// Begins to accept.
  ///
  /// - Throws: What NIO says of the descriptor.
  init(
    _ listener: consuming Listener, responder: Responder, serving: Serving
  ) async throws {
    let http = HTTP1Channel(
      responder: { request, writer, channel in
        try await responder.respond(to: request, writer: writer, over: channel)
      },
      configuration: .init(
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: RequestGate.pathBytesMax,
          maxHeaderListSize: RequestGate.pathBytesMax + RequestGate.fieldBytesMax,
          maxHeaderFieldCount: RequestGate.fieldsMax)))
    let quiescing = ServerQuiescingHelper(group: serving.group)
    let isUnix = listener.kind == .unix
    channel = try await ServerBootstrap(group: serving.group)
      .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
      // What many clients send ahead, or do not take, has to be little for each.
      .childChannelOption(
        ChannelOptions.recvAllocator,
        value: FixedSizeRecvByteBufferAllocator(capacity: RequestPacer.readBytes)
      )
      .childChannelOption(ChannelOptions.maxMessagesPerRead, value: 1)
      .childChannelOption(
        ChannelOptions.writeBufferWaterMark,
        value: ChannelOptions.Types.WriteBufferWaterMark(low: 1 << 12, high: 1 << 14)
      )
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(AcceptGate(serving.limit, logger: serving.logger))
          try pipeline.addHandler(quiescing.makeServerChannelHandler(channel: channel))
        }
      }
      .bind(listener.socket.release()) { channel in
        guard isUnix else { return Self.setUp(channel, http, serving) }
        return PeerCheck.user(behind: channel).flatMap { user in
          guard PeerCheck.mayAsk(user, of: SystemCalls.user) else {
            serving.metrics.closed(.foreign)
            serving.logger.warning(
              "a connection of another user was closed",
              metadata: ["user": "\(user.map { "\($0)" } ?? "unknown")"])
            // To fail keeps it from being served, and does not yet close it.
            return channel.close().flatMapThrowing { throw PeerCheck.Foreign() }
          }
          return Self.setUp(channel, http, serving)
        }
      }
    self.http = http
    self.quiescing = quiescing
    self.serving = serving
  }

  private static func setUp(
    _ channel: any Channel, _ http: HTTP1Channel, _ serving: Serving
  ) -> EventLoopFuture<HTTP1Channel.Value> {
    channel.eventLoop.makeCompletedFuture {
      let pacer = RequestPacer()
      let clock = ConnectionClock(
        serving.limits, metrics: serving.metrics, streams: serving.streams)
      // First of all, so that they see bytes.
      try channel.pipeline.syncOperations.addHandlers([pacer, clock])
      return NIOLoopBound((clock, pacer), eventLoop: channel.eventLoop)
    }.flatMap { (first: NIOLoopBound<(ConnectionClock, RequestPacer)>) in
      http.setup(channel: channel, logger: serving.logger).flatMapThrowing { value in
        let pipeline = channel.pipeline.syncOperations
        let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
        try pipeline.addHandler(RequestGate(first.value.0, first.value.1), position: .before(codec))
        return value
      }
    }
  }

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await withThrowingDiscardingTaskGroup { group in
        try await channel.executeThenClose { connections in
          for try await connection in connections {
            group.addTask { await http.handle(value: connection, logger: serving.logger) }
          }
        }
      }
    } onGracefulShutdown: {
      serving.streams.endAll()
      quiescing.initiateShutdown(promise: nil)
      // Answers that nobody takes do not keep the daemon.
      serving.group.any().scheduleTask(in: serving.closing) { serving.limit.closeAll() }
    }
  }
}
