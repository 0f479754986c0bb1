// Lets in one request after the other: what a client sends ahead waits, most of it in the kernel.

import NIOCore

/// The first handler of a connection: hands bytes on as far as they are wanted.
///
/// The parser would make parts of all that it gets, each many times the size of its bytes, and end
/// of input is told at once, whatever is still to be read. So both wait here while an answer is owed,
/// and what goes on ends where a head does: no request comes in behind another one.
final class RequestPacer: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// What is read at once, in bytes.
  static let readBytes = 8192

  /// What may wait: NIO reads all that there is when a client has closed its end.
  static let heldBytesMax = 1 << 16

  private var held = ByteBuffer()
  private var isBusy = false
  private var isDiscarding = false
  private var isEnded = false
  private var isPassing = false
  private var wantsRead = false
  private var context: ChannelHandlerContext?

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  /// Whether the client has closed its end; told here first.
  private(set) var isInputClosed = false

  /// Called when the client closes its end, before what it has sent is handed on.
  var onInputClosed: () -> Void = {}

  /// A request is whole, and its answer is not.
  func hold() { isBusy = true }

  /// Nothing is owed.
  func release() {
    isBusy = false
    pass()
  }

  /// Nothing that comes is wanted any more; it is taken all the same, or the client would not read.
  func discard() {
    isDiscarding = true
    held.clear()
    pass()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isDiscarding else { return }
    var buffer = unwrapInboundIn(data)
    if held.readableBytes == 0 { held = buffer } else { held.writeBuffer(&buffer) }
    pass()
    if held.readableBytes > Self.heldBytesMax { context.close(promise: nil) }
  }

  func read(context: ChannelHandlerContext) {
    if isOpen && held.readableBytes == 0 { context.read() } else { wantsRead = true }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case ChannelEvent.inputClosed = event else {
      return context.fireUserInboundEventTriggered(event)
    }
    isInputClosed = true
    isEnded = true
    onInputClosed()
    pass()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    context.fireChannelWritabilityChanged()
    pass()
  }

  /// Who does not take answers is asked for no more questions.
  private var isOpen: Bool {
    isDiscarding || (!isBusy && context?.channel.isWritable == true)
  }

  private func pass() {
    guard !isPassing, let context else { return }
    isPassing = true
    var hasPassed = false
    while isOpen, let part = next() {
      context.fireChannelRead(wrapInboundOut(part))
      hasPassed = true
    }
    isPassing = false
    if hasPassed { context.fireChannelReadComplete() }
    guard isOpen, held.readableBytes == 0 else { return }
    // The storage of what was read goes with it.
    held = ByteBuffer()
    if isEnded {
      isEnded = false
      context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
    if wantsRead {
      wantsRead = false
      context.read()
    }
  }

  /// Bytes up to the next empty line, or all.
  private func next() -> ByteBuffer? {
    guard held.readableBytes > 0 else { return nil }
    var count = 0
    var isLineEmpty = false
    for byte in held.readableBytesView {
      count += 1
      if byte == UInt8(ascii: "\n") {
        if isLineEmpty { break }
        isLineEmpty = true
      } else if byte != UInt8(ascii: "\r") {
        isLineEmpty = false
      }
    }
    return held.readSlice(length: count)
  }
}
