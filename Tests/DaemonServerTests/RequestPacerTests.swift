// What a client sends ahead: it waits before the parser, and keeps its order.

import NIOCore
import NIOEmbedded
import Testing

@testable import DaemonServer

struct RequestPacerTests {
  /// Stands before the pacer, where the socket is.
  private final class Socket: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    var reads = 0
    func read(context: ChannelHandlerContext) { reads += 1 }
  }

  /// Stands behind the pacer: takes each part for a request that is owed an answer.
  private final class Taker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    let pacer: RequestPacer
    var taken: [String] = []
    init(_ pacer: RequestPacer) { self.pacer = pacer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      taken.append(String(buffer: unwrapInboundIn(data)))
      pacer.hold()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case ChannelEvent.inputClosed = event { taken.append("the end") }
    }
  }

  private let channel = EmbeddedChannel()
  private let socket = Socket()
  private let pacer = RequestPacer()
  private let taker: Taker

  init() throws {
    taker = Taker(pacer)
    try channel.pipeline.syncOperations.addHandlers([socket, pacer, taker])
    try channel.connect(to: SocketAddress(unixDomainSocketPath: "/none")).wait()
    socket.reads = 0
  }

  private func receive(_ text: String) throws { try channel.writeInbound(ByteBuffer(string: text)) }

  @Test func letsOneHeadInAtATime() throws {
    try receive("GET a\r\nx: y\r\n\r\nGET b\r\n\r\nGET c\r\n")
    #expect(taker.taken == ["GET a\r\nx: y\r\n\r\n"])
    pacer.release()
    #expect(taker.taken.dropFirst() == ["GET b\r\n\r\n"])
    pacer.release()
    #expect(taker.taken.dropFirst(2) == ["GET c\r\n"])
    pacer.release()
    try receive("\r\nGET d\r\n\r\n")
    pacer.release()
    #expect(taker.taken.joined() == "GET a\r\nx: y\r\n\r\nGET b\r\n\r\nGET c\r\n\r\nGET d\r\n\r\n")
  }

  @Test func endsAPartAtLinesWithoutACarriageReturn() throws {
    try receive("GET a\n\nGET b\n\n")
    #expect(taker.taken == ["GET a\n\n"])
  }

  @Test func readsNoMoreWhileAnAnswerIsOwed() throws {
    channel.read()
    #expect(socket.reads == 1)
    try receive("GET a\r\n\r\nGET b\r\n\r\n")
    channel.read()
    channel.read()
    #expect(socket.reads == 1)
    pacer.release()
    #expect(socket.reads == 1)
    pacer.release()
    #expect(socket.reads == 2)
  }

  @Test func readsNoMoreWhileAnswersAreNotTaken() throws {
    channel.isWritable = false
    channel.read()
    try receive("GET a\r\n\r\n")
    #expect(socket.reads == 0)
    #expect(taker.taken.isEmpty)
    channel.isWritable = true
    channel.pipeline.fireChannelWritabilityChanged()
    #expect(taker.taken == ["GET a\r\n\r\n"])
  }

  @Test func tellsTheEndBehindAllThatCameBefore() throws {
    try receive("GET a\r\n\r\nGET b\r\n\r\n")
    channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    #expect(pacer.isInputClosed)
    pacer.release()
    #expect(taker.taken.last == "GET b\r\n\r\n")
    pacer.release()
    #expect(taker.taken.last == "the end")
  }

  @Test func takesWhatIsNotWantedAndForgetsIt() throws {
    try receive("GET a\r\n\r\nGET b\r\n\r\n")
    pacer.discard()
    try receive("GET c\r\n\r\n")
    channel.read()
    #expect(taker.taken == ["GET a\r\n\r\n"])
    #expect(socket.reads == 1)
  }

  @Test func closesAConnectionThatHasSentFarTooMuchAhead() throws {
    try receive("GET a\r\n\r\n")
    try receive(String(repeating: "x", count: RequestPacer.heldBytesMax))
    #expect(channel.isActive)
    try receive("x")
    #expect(!channel.isActive)
  }
}
