// The deadlines of one connection: what is too slow is closed.

import NIOCore

/// Sees the bytes of a connection, and is told by `RequestGate` what they are.
///
/// All deadlines share one timer, which is set later when it fires too early: a request that is in
/// time neither sets nor cancels one.
final class ConnectionClock: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  struct Limits: Sendable {
    let request: TimeAmount
    let idle: TimeAmount
    let write: TimeAmount

    /// For anything to happen while an answer is owed: more than every other limit, and the last one.
    var stall: TimeAmount { request + idle }

    /// For a client to close its end after ours was closed.
    let linger = TimeAmount.milliseconds(500)

    init(_ configuration: ServerConfiguration) {
      request = .nanoseconds(Int64(configuration.requestSeconds * 1e9))
      idle = .nanoseconds(Int64(configuration.idleSeconds * 1e9))
      write = .nanoseconds(Int64(configuration.writeSeconds * 1e9))
    }
  }

  private enum Phase { case idle, receiving, answering, streaming, closing }

  private let limits: Limits
  private let metrics: ServerMetrics
  private let streams: OpenStreams
  private var phase = Phase.idle
  private var inbound: NIODeadline?
  private var outbound: NIODeadline?
  private var writes = 0
  private var timer: Scheduled<Void>?
  private var timerDeadline = NIODeadline.distantFuture
  private var context: ChannelHandlerContext?

  init(_ limits: Limits, metrics: ServerMetrics, streams: OpenStreams) {
    self.limits = limits
    self.metrics = metrics
    self.streams = streams
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    // One who connects asks something; to be silent costs as much as to be slow.
    inbound = .now() + limits.request
    arm()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if phase == .idle {
      phase = .receiving
      inbound = .now() + limits.request
      arm()
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    writes += 1
    if outbound == nil {
      outbound = .now() + limits.write
      arm()
    }
    let promise = promise ?? context.eventLoop.makePromise()
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    promise.futureResult.whenComplete { _ in bound.value.wrote() }
    context.write(data, promise: promise)
  }

  private func wrote() {
    writes -= 1
    outbound = writes == 0 ? nil : .now() + limits.write
    if phase == .answering { inbound = .now() + limits.stall }
  }

  /// A request is whole.
  func received() {
    guard phase != .closing else { return }
    phase = .answering
    inbound = .now() + limits.stall
    arm()
  }

  /// An answer has begun that ends when its client wants.
  ///
  /// Its signs of life are written, so that the deadline of writing watches it.
  func streamed() {
    guard phase != .closing else { return }
    phase = .streaming
    inbound = nil
  }

  /// An answer is whole, and no other one is owed to a request that is whole.
  ///
  /// - Parameter isReceiving: Whether the rest of a request is still on its way.
  func answered(isReceiving: Bool) {
    guard phase != .closing else { return }
    if isReceiving {
      guard phase != .receiving else { return }
      phase = .receiving
      inbound = .now() + limits.request
    } else {
      phase = .idle
      inbound = .now() + limits.idle
    }
    arm()
  }

  /// Our end is closed.
  func linger() {
    guard phase != .closing else { return }
    phase = .closing
    inbound = .now() + limits.linger
    arm()
  }

  func reported(_ reason: ServerMetrics.Reason) { metrics.closed(reason) }

  private func arm() {
    let next = min(inbound ?? .distantFuture, outbound ?? .distantFuture)
    guard next < timerDeadline, let context else { return }
    timer?.cancel()
    timerDeadline = next
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(deadline: next) { bound.value.fired() }
  }

  private func fired() {
    timer = nil
    timerDeadline = .distantFuture
    let now = NIODeadline.now()
    let isSlowReader = outbound.map { $0 <= now } ?? false
    guard isSlowReader || inbound.map({ $0 <= now }) ?? false else { return arm() }
    switch phase {
    case _ where isSlowReader: metrics.closed(.slowReader)
    case .receiving: metrics.closed(.slowRequest)
    case .idle: metrics.closed(.idle)
    // A client that leaves its end open is no news.
    case .closing, .streaming: break
    case .answering: metrics.closed(.stalled)
    }
    guard let context else { return }
    // It is not the client who leaves.
    streams.end(over: context.channel)
    context.close(promise: nil)
  }
}
