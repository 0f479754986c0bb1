// When a listener accepts: while there is room, and descriptors.

import Logging
import NIOCore

/// Stands in a listener's pipeline, and holds its accepting back.
///
/// What fails for want of descriptors would fail again at once, and keep a CPU busy with that: it is
/// tried again when a connection has closed, or a little later, for somebody else may have had the
/// descriptors. Meanwhile the connections wait in the kernel's queue. The time alone is not enough: of a
/// full queue each turn takes as many as there are descriptors, and whoever is last waits for all turns.
final class AcceptGate: ChannelDuplexHandler {
  typealias InboundIn = any Channel
  typealias InboundOut = any Channel
  typealias OutboundIn = any Channel

  private let limit: ConnectionLimit
  private let logger: Logger
  private var isHolding = false
  private var isPausing = false

  /// Whether the next connection that closes ends the pause.
  private var isCalledBack = false
  private var toldAt: NIODeadline?

  /// Ends the pause when nothing else does.
  private var later: Scheduled<Void>?

  /// Until accepting is tried again.
  private static let pause = TimeAmount.milliseconds(250)

  /// A shortage is told as often as this, however often it comes and goes.
  private static let tellingPause = TimeAmount.seconds(10)

  init(_ limit: ConnectionLimit, logger: Logger) {
    self.limit = limit
    self.logger = logger
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
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
    let now = NIODeadline.now()
    if toldAt.map({ now - $0 >= Self.tellingPause }) ?? true {
      toldAt = now
      logger.warning("accepting pauses", metadata: ["reason": "\(error)"])
    }
    isPausing = true
    // It fails on a listener that was closed, and that needs none of it.
    try? options.setOption(.autoRead, value: false)
    let loop = context.eventLoop
    let bound = NIOLoopBound((self, options), eventLoop: loop)
    later = loop.scheduleTask(in: Self.pause) {
      let (gate, options) = bound.value
      gate.goOn(options)
    }
    guard !isCalledBack else { return }
    isCalledBack = true
    limit.whenOneCloses {
      loop.execute {
        let (gate, options) = bound.value
        gate.isCalledBack = false
        gate.goOn(options)
      }
    }
  }

  private func goOn(_ options: any NIOSynchronousChannelOptions) {
    guard isPausing else { return }
    isPausing = false
    later?.cancel()
    later = nil
    // It fails on a listener that was closed, and that needs none of it.
    try? options.setOption(.autoRead, value: true)
  }
}
