// From a request's head to its answer's end.

import DaemonAPI
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import Threads

/// Answers the requests of one listener.
struct Responder: Sendable {
  let table: RouteTable

  /// nil for the Unix socket, whose peer was looked at already.
  let admission: Admission?

  /// Whose turn a job takes that names nobody.
  let client: String
  let metrics: ServerMetrics
  let streams: OpenStreams
  let pingInterval: Duration

  /// Of a long answer, what is written at once.
  private static let writtenBytes = 1 << 14

  func respond(
    to request: Request, writer: consuming ResponseWriter, over channel: any Channel
  ) async throws {
    let began = ContinuousClock.now
    let (answer, template) = await answer(to: request)
    let isStream = if case .stream = answer.body { true } else { false }
    switch answer.body {
    case .whole(let buffer) where buffer.readableBytes <= Self.writtenBytes:
      try await writer.write(
        response: answer.head,
        body: buffer.readableBytes == 0 ? ResponseBody() : ResponseBody(byteBuffer: buffer))
    case .whole(var buffer):
      // Piece by piece: each that is taken is progress.
      var body = try await writer.writeHead(answer.head)
      while let piece = buffer.readSlice(length: min(Self.writtenBytes, buffer.readableBytes)),
        piece.readableBytes > 0
      {
        try await body.write(piece)
      }
      try await body.finish(nil)
    case .stream(let stream):
      let body = try await writer.writeHead(answer.head)
      try await write(stream, to: body, over: channel)
    }
    let lasted = (ContinuousClock.now - began).components
    metrics.answered(
      route: template, method: table.knows(request.method) ? request.method.rawValue : "other",
      status: answer.status,
      nanoseconds: isStream
        ? nil : lasted.seconds * 1_000_000_000 + lasted.attoseconds / 1_000_000_000)
  }

  /// The answer, and the route's template for the metrics.
  private func answer(to request: Request) async -> (Answer, String) {
    if let objection = admission?.objection(
      host: request.head.authority, fields: request.headers)
    {
      var answer = Answer.refusal(
        Refusal(.forbidden, objection.message), status: objection.status)
      if objection.status == 401 { answer.fields[.wwwAuthenticate] = "Bearer realm=\"greenbench\"" }
      answer.isLast = true
      return (answer, "refused")
    }
    let target: Target
    do {
      target = try Target(request.head.path ?? "")
    } catch {
      return (.refusal(error), "none")
    }
    switch table.match(request.method, target.path) {
    case .nothing:
      let refusal = Refusal(.notFound, "there is no such path; look at /v1/openapi.json")
      return (withoutBody(of: request, .refusal(refusal)), "none")
    case .otherMethod(let template, let allowed):
      let names = allowed.map(\.rawValue).sorted().joined(separator: ", ")
      var answer = Answer.refusal(
        Refusal(.malformed, "\(template) is for \(names) only; use that"), status: 405)
      answer.fields[.allow] = names
      return (withoutBody(of: request, answer), template)
    case .route(let route, let parts):
      do {
        let call = try await call(request, route, target, parts)
        return (try await route.answer(call), route.template)
      } catch let refusal {
        var answer = Answer.refusal(refusal)
        // Whether all of the body was read is not known, and the rest of it is nobody's.
        answer.isLast = route.takesBody && refusal.code == .limit
        return (answer, route.template)
      }
    }
  }

  private func withoutBody(of request: Request, _ answer: Answer) -> Answer {
    var answer = answer
    answer.isLast =
      request.headers[.contentLength].map { $0 != "0" } == true
      || request.headers.contains(.transferEncoding)
    return answer
  }

  private func call(
    _ request: Request, _ route: Route, _ target: Target, _ parts: [String]
  ) async throws(Refusal) -> Call {
    var query: [String: String] = [:]
    for (name, value) in target.query {
      guard route.queryNames.contains(name) else {
        throw Refusal(
          .malformed,
          "there is no parameter \"\(name.prefix(40))\"; "
            + NearestName.hint(name, among: route.queryNames.sorted()))
      }
      guard query.updateValue(value, forKey: name) == nil else {
        throw Refusal(.malformed, "the parameter \(name) is there twice; send it once")
      }
    }
    return Call(
      parts: parts, query: query, body: try await body(of: request, route), client: client,
      idempotencyKey: Self.value(
        of: DaemonProtocol.idempotencyHeader.lowercased(), in: request.headers),
      lastEventID: Self.value(of: "last-event-id", in: request.headers))
  }

  private func body(of request: Request, _ route: Route) async throws(Refusal) -> [UInt8] {
    let most = DaemonProtocol.requestBytesMax
    let tooLong = Refusal(.limit, "the body has more than \(most) bytes; send a shorter one")
    if let length = request.headers[.contentLength] {
      // A length that is no number does not get through the parser.
      guard let count = Int(length), count <= most else { throw tooLong }
    }
    guard route.takesBody else { return [] }
    let type = request.headers[.contentType]?.split(separator: ";").first ?? ""
    guard type.lowercased() == "application/json" else {
      throw Refusal(
        .mediaType, "the body's type is \"\(type.prefix(40))\"; send application/json")
    }
    do {
      return [UInt8](try await request.body.collect(upTo: most).readableBytesView)
    } catch is NIOTooManyBytesError {
      throw tooLong
    } catch {
      throw Refusal(.malformed, "the body did not come whole; send it again")
    }
  }

  private func write(
    _ stream: EventStream, to body: some ResponseBodyWriter, over channel: any Channel
  ) async throws {
    let relay = FrameRelay()
    streams.add(relay, over: channel)
    // Otherwise only the next write would find out that nobody reads.
    channel.closeFuture.whenComplete { _ in relay.end(.left) }
    defer { streams.remove(over: channel) }
    let outcome: Result<Void, any Error>
    do {
      outcome = .success(try await write(stream, through: relay, to: body))
    } catch {
      outcome = .failure(error)
    }
    if relay.ending == .left, !streams.isDraining { await stream.onLeave?() }
    try outcome.get()
  }

  private func write(
    _ stream: EventStream, through relay: FrameRelay, to body: some ResponseBodyWriter
  ) async throws {
    var body = body
    try await withThrowingTaskGroup(of: Void.self) { group in
      defer {
        // What could not be written: whoever ends a stream from here says so before.
        relay.end(.left)
        group.cancelAll()
      }
      group.addTask {
        await stream.produce(relay)
        relay.end(.told)
      }
      group.addTask { [pingInterval] in
        // Ends by being cancelled.
        while (try? await Alarm.sleep(for: pingInterval)) != nil { relay.ping() }
      }
      try await body.write(ByteBuffer(string: ": greenbench\n\n"))
      while let frame = await relay.take() {
        try await body.write(ByteBuffer(string: frame))
      }
    }
    try await body.finish(nil)
  }

  /// The first value under a name in lower case.
  private static func value(of name: String, in fields: HTTPFields) -> String? {
    fields.first { $0.name.canonicalName == name }?.value
  }
}
