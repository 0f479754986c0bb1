// What is no request of this server does not get further than this.

import DaemonAPI
import NIOCore
import NIOHTTP1

/// Stands between the parser and everything else; keeps the connection's clock.
///
/// A refusal goes its way as a parser's error does: after the answers to the requests before it. The
/// bare 400 that it becomes is given its status and its sentence here, on its way out.
final class RequestGate: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  static let pathBytesMax = 8192
  static let fieldsMax = 100
  static let fieldBytesMax = 16384

  struct Verdict: Error, Hashable {
    let status: Int
    let message: String
  }

  private let clock: ConnectionClock
  private let pacer: RequestPacer
  private var verdict: Verdict?

  /// Requests whose answer is not complete.
  private var owed = 0
  private var isReceiving = false
  private var isStreaming = false
  private var isClosing = false

  init(_ clock: ConnectionClock, _ pacer: RequestPacer) {
    self.clock = clock
    self.pacer = pacer
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    pacer.onInputClosed = {
      let (gate, context) = bound.value
      gate.endStream(context)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { pacer.onInputClosed = {} }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // What comes after a refusal is read, so that the client gets to read it, and forgotten.
    guard verdict == nil, !isClosing else { return }
    switch unwrapInboundIn(data) {
    case .head(let head):
      if let verdict = Self.verdict(on: head) {
        return refuse(verdict, context)
      }
      owed += 1
      isReceiving = true
      if head.headers.first(name: "expect")?.lowercased() == "100-continue", owed == 1 {
        let go = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
      }
    case .body: break
    case .end:
      isReceiving = false
      // Some requests are refused before their bodies are there.
      if owed > 0 {
        clock.received()
        pacer.hold()
      } else {
        clock.answered(isReceiving: false)
      }
    }
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard error is HTTPParserError, verdict == nil else { return context.fireErrorCaught(error) }
    refuse(Self.verdict(on: error), context)
  }

  private func refuse(_ verdict: Verdict, _ context: ChannelHandlerContext) {
    self.verdict = verdict
    clock.reported(.malformed)
    pacer.discard()
    context.fireErrorCaught(HTTPParserError.unknown)
  }

  /// Who has closed its end while a stream goes on does not come back.
  private func endStream(_ context: ChannelHandlerContext) {
    if isStreaming, pacer.isInputClosed { context.close(promise: nil) }
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head):
      if let verdict, owed == 0, head.status == .badRequest {
        let body = Problem.bytes(status: verdict.status, code: .malformed, verdict.message)
        head.status = HTTPResponseStatus(statusCode: verdict.status)
        head.headers.replaceOrAdd(name: "content-length", value: "\(body.count)")
        head.headers.replaceOrAdd(name: "content-type", value: Problem.contentType)
        head.headers.replaceOrAdd(name: "server", value: Answer.serverName)
        head.headers.replaceOrAdd(name: "cache-control", value: "no-store")
        context.write(wrapOutboundOut(.head(head)), promise: promise)
        context.write(
          wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        return
      }
      if head.headers.first(name: "connection")?.lowercased() == "close" {
        isClosing = true
        pacer.discard()
      }
      context.write(data, promise: promise)
      if head.headers["content-length"].isEmpty, head.status != .noContent {
        isStreaming = true
        clock.streamed()
        endStream(context)
      }
    case .body: context.write(data, promise: promise)
    case .end:
      context.write(data, promise: promise)
      isStreaming = false
      owed = max(0, owed - 1)
      if isClosing {
        context.flush()
        clock.linger()
        return context.close(mode: .output, promise: nil)
      }
      // The parser may have seen the beginning of another request behind a body.
      if owed == (isReceiving ? 1 : 0) { clock.answered(isReceiving: isReceiving) }
      if owed == 0 || isReceiving { pacer.release() }
    }
  }

  func close(
    context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?
  ) {
    if mode == .output { clock.linger() }
    context.close(mode: mode, promise: promise)
  }

  /// What is wrong with a head, whoever sends it; nil when nothing is.
  static func verdict(on head: HTTPRequestHead) -> Verdict? {
    func malformed(_ message: String) -> Verdict { Verdict(status: 400, message: message) }
    if head.version != .http1_1 {
      return Verdict(status: 505, message: "this is HTTP/1.1 only; speak that")
    }
    if head.uri.utf8.count > pathBytesMax {
      return Verdict(
        status: 414, message: "the path has more than \(pathBytesMax) bytes; ask for less at once")
    }
    if !head.uri.hasPrefix("/") || head.uri.hasPrefix("//") {
      return malformed("the target is no path; send one that begins with /v1")
    }
    if !head.uri.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
      return malformed("the path has bytes that are no URI's; encode them with %")
    }
    if head.headers.count > fieldsMax
      || head.headers.reduce(0, { $0 + $1.name.utf8.count + $1.value.utf8.count }) > fieldBytesMax
    {
      return Verdict(
        status: 431,
        message: "there are more than \(fieldsMax) headers or \(fieldBytesMax) bytes of them; "
          + "send fewer")
    }
    if head.headers["host"].count > 1 {
      return malformed("there is more than one Host; send one")
    }
    if head.headers.contains(name: "transfer-encoding") {
      if head.headers.contains(name: "content-length") {
        return malformed("there are both Content-Length and Transfer-Encoding; send one of them")
      }
      if head.headers["transfer-encoding"].map({ $0.lowercased() }) != ["chunked"] {
        return Verdict(
          status: 501, message: "only chunked is understood; send it so or with a length")
      }
    }
    if head.headers["content-length"].count > 1 {
      return malformed("there is more than one Content-Length; send one")
    }
    if head.headers.contains(name: "upgrade") {
      return malformed("nothing can be upgraded to; send no Upgrade")
    }
    return nil
  }

  private static func verdict(on error: any Error) -> Verdict {
    switch error as? HTTPParserError {
    case .headerOverflow:
      Verdict(
        status: 431, message: "the path or a header is too long, or too many are; send fewer")
    case .invalidVersion: Verdict(status: 505, message: "this is HTTP/1.1 only; speak that")
    default: Verdict(status: 400, message: "this is no request of HTTP/1.1; look what was sent")
    }
  }
}
