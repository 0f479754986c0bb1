// The end of a client's pipeline: hands out the parts of an answer when they are asked for.

import NIOCore
import NIOHTTP1

/// Reads from the socket only while somebody waits, so a slow reader slows its daemon down.
final class ResponseReader: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  /// Why no part comes any more.
  enum End: Error {
    case closed
    case late
    case failed(any Error)
  }

  private var parts = CircularBuffer<HTTPClientResponsePart>()
  private var waiter: EventLoopPromise<HTTPClientResponsePart>?
  private var alarm: Scheduled<Void>?
  private var end: End?
  private var context: ChannelHandlerContext?

  /// Whether nothing is there that nobody asked for.
  var isIdle: Bool { parts.isEmpty && waiter == nil && end == nil }

  /// The next part; call on the event loop only, one call at a time.
  func next(by deadline: NIODeadline, on loop: any EventLoop)
    -> EventLoopFuture<HTTPClientResponsePart>
  {
    let promise = loop.makePromise(of: HTTPClientResponsePart.self)
    if let part = parts.popFirst() {
      promise.succeed(part)
    } else if let end {
      promise.fail(end)
    } else {
      waiter = promise
      alarm = loop.assumeIsolated().scheduleTask(deadline: deadline) { self.finish(.late) }
      context?.read()
    }
    return promise.futureResult
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    finish(.closed)
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    guard let waiter else { return parts.append(part) }
    self.waiter = nil
    alarm?.cancel()
    alarm = nil
    waiter.succeed(part)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    // What came was not a whole part yet.
    if waiter != nil { context.read() }
    context.fireChannelReadComplete()
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish(.closed)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { finish(.failed(error)) }

  private func finish(_ end: End) {
    guard self.end == nil else { return }
    self.end = end
    alarm?.cancel()
    alarm = nil
    waiter?.fail(end)
    waiter = nil
    context?.close(promise: nil)
  }
}
