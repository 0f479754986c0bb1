// When a listener accepts: while there is room, and descriptors.

import Logging
import NIOCore

/// Stands in a listener's pipeline, and holds its accepting back.
///
/// What fails for want of descriptors would fail again at once, and keep a CPU busy with that: it is
/// tried again a little later, and the connections wait in the kernel's queue.
final class AcceptGate: ChannelDuplexHandler {
  typealias InboundIn = any Channel
  typealias InboundOut = any Channel
  typealias OutboundIn = any Channel

  private let limit: ConnectionLimit
  private let logger: Logger
  private var isHolding = false
  private var isPausing = false
  private var hasFailed = false

  /// Until accepting is tried again.
  private static let pause = TimeAmount.milliseconds(250)

  init(_ limit: ConnectionLimit, logger: Logger) {
    self.limit = limit
    self.logger = logger
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    hasFailed = false
    limit.add(unwrapInboundIn(data))
    context.fireChannelRead(data)
  }

  func read(context: ChannelHandlerContext) {
    guard !isHolding else { return }
    let loop = context.eventLoop
    let bound = NIOLoopBound((self, context), eventLoop: loop)
    let hasRoom = limit.hasRoom {
      loop.execute {
        let (gate, context) = bound.value
        gate.isHolding = false
        // Through all handlers again: they may have reasons of their own to wait.
        context.channel.read()
      }
    }
    if hasRoom { context.read() } else { isHolding = true }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard error is IOError, let options = context.channel.syncOptions else {
      return context.fireErrorCaught(error)
    }
    guard !isPausing else { return }
    if !hasFailed {
      hasFailed = true
      logger.warning("accepting pauses", metadata: ["reason": "\(error)"])
    }
    isPausing = true
    // It fails on a listener that was closed, and that needs none of it.
    try? options.setOption(.autoRead, value: false)
    let bound = NIOLoopBound((self, options), eventLoop: context.eventLoop)
    context.eventLoop.scheduleTask(in: Self.pause) {
      let (gate, options) = bound.value
      gate.isPausing = false
      try? options.setOption(.autoRead, value: true)
    }
  }
}
