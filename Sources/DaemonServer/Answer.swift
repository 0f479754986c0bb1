// What a route answers with, and how it becomes a response.

import DaemonAPI
import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import NIOCore

/// A response that is whole, or a stream that is told as it goes.
struct Answer: Sendable {
  static let serverName = "greenbench"

  enum Body: Sendable {
    case whole(ByteBuffer)
    case stream(EventStream)
  }

  var status: Int
  var contentType: String?
  var body: Body
  var fields: [HTTPField.Name: String] = [:]

  /// Whether the connection ends with it.
  var isLast = false

  static func text(_ text: String, as type: String, status: Int = 200) -> Answer {
    Answer(status: status, contentType: type, body: .whole(ByteBuffer(string: text)))
  }

  static func json(
    _ value: some Encodable, status: Int = 200
  ) throws(Refusal) -> Answer {
    Answer(
      status: status, contentType: "application/json",
      body: .whole(ByteBuffer(bytes: try encode(value))))
  }

  static func events(_ stream: EventStream) -> Answer {
    Answer(status: 200, contentType: "text/event-stream", body: .stream(stream))
  }

  static let nothing = Answer(status: 204, contentType: nil, body: .whole(ByteBuffer()))

  static func refusal(_ refusal: Refusal, status: Int? = nil) -> Answer {
    let status = status ?? refusal.code.httpStatus
    var answer = Answer(
      status: status, contentType: Problem.contentType,
      body: .whole(
        ByteBuffer(
          bytes: Problem.bytes(status: status, code: refusal.code, refusal.message))))
    if let seconds = refusal.retryAfterSeconds { answer.fields[.retryAfter] = "\(seconds)" }
    return answer
  }

  /// JSON with its members in order.
  static func encode(_ value: some Encodable) throws(Refusal) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // A figure that is no number has no place in JSON; the row's status says why it is not there.
    encoder.nonConformingFloatEncodingStrategy = .throw
    do {
      return try encoder.encode(value)
    } catch {
      throw Refusal(
        .internalFault, "the answer cannot be written as JSON: \(error); report this as a bug")
    }
  }

  var head: HTTPResponse {
    var head = HTTPResponse(status: .init(code: status))
    head.headerFields[.server] = Self.serverName
    head.headerFields[.cacheControl] = "no-store"
    // What a browser is told about what it must not do with this.
    head.headerFields[.xContentTypeOptions] = "nosniff"
    if let contentType { head.headerFields[.contentType] = contentType }
    for (name, value) in fields { head.headerFields[name] = value }
    if case .whole(let buffer) = body, status != 204 {
      head.headerFields[.contentLength] = "\(buffer.readableBytes)"
    }
    if isLast { head.headerFields[.connection] = "close" }
    return head
  }
}
