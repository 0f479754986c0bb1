// Questions and whole answers over connections that are used again.

import DaemonAPI
import FoundationEssentials
import NIOCore
import NIOHTTP1
import Synchronization

/// What all copies of a client share.
final class ClientCore: Sendable {
  /// Connections that wait for another question: as many as are asked at once, to a bound.
  private static let idleMax = 4

  let address: DaemonAddress
  let limits: ClientLimits
  private let idle = Mutex<[ClientConnection]>([])

  init(_ address: DaemonAddress, limits: ClientLimits) {
    self.address = address
    self.limits = limits
  }

  deinit {
    for connection in idle.withLock({ $0 }) { connection.close() }
  }

  var place: String { address.place }

  /// A whole answer.
  struct Answer {
    var head: HTTPResponseHead
    var body: ByteBuffer
  }

  /// Asks, and reads the whole answer.
  ///
  /// - Returns: The answer if its status is 2xx.
  /// - Throws: The daemon's refusal, or what became of the connection.
  func ask(_ question: Question) async throws(DaemonClientError) -> Answer {
    let answer = try await exchange(question)
    guard (200..<300).contains(answer.head.status.code) else {
      throw refusal(answer.head, answer.body)
    }
    return answer
  }

  /// Asks, and returns the answer whatever its status.
  func exchange(_ question: Question) async throws(DaemonClientError) -> Answer {
    let deadline = ClientDeadline(limits.deadline)
    if question.isRepeatable {
      // The daemon may have closed it meanwhile; a new connection then tells more.
      while let used = idle.withLock({ $0.popLast() }) {
        guard await used.isReusable() else {
          used.close()
          continue
        }
        do {
          return try await exchange(question, over: used, by: deadline)
        } catch .unreachable {
          break
        }
      }
    }
    let fresh = try await ClientConnection.open(address, by: deadline)
    return try await exchange(question, over: fresh, by: deadline)
  }

  private func exchange(
    _ question: Question, over connection: ClientConnection, by deadline: ClientDeadline
  ) async throws(DaemonClientError) -> Answer {
    var isDone = false
    defer { if !isDone { connection.close() } }
    let head = try await begin(question, over: connection, by: deadline)
    let body = try await rest(of: connection, by: deadline)
    if head.isKeepAlive, await connection.isReusable() {
      isDone = idle.withLock { idle in
        guard idle.count < Self.idleMax else { return false }
        idle.append(connection)
        return true
      }
    }
    return Answer(head: head, body: body)
  }

  /// Sends a question and reads the head of its answer.
  func begin(
    _ question: Question, over connection: ClientConnection, by deadline: ClientDeadline
  ) async throws(DaemonClientError) -> HTTPResponseHead {
    var token: String?
    if case .loopback(_, _, let file) = address { token = try PathTrust.token(file) }
    try await connection.send(question, host: address.host, token: token)
    guard case .head(let head) = try await connection.next(by: deadline) else {
      throw .nonsense(place: place, reason: "an answer without a head")
    }
    return head
  }

  /// Reads the body of an answer to its end.
  func rest(
    of connection: ClientConnection, by deadline: ClientDeadline
  ) async throws(DaemonClientError) -> ByteBuffer {
    var body = ByteBuffer()
    while true {
      switch try await connection.next(by: deadline) {
      case .head: throw .nonsense(place: place, reason: "an answer with two heads")
      case .body(var part):
        guard body.readableBytes + part.readableBytes <= limits.answerBytesMax else {
          throw .nonsense(
            place: place, reason: "an answer of more than \(limits.answerBytesMax) bytes")
        }
        body.writeBuffer(&part)
      case .end: return body
      }
    }
  }

  /// Reads a problem document; what is none is nonsense.
  func refusal(_ head: HTTPResponseHead, _ body: ByteBuffer) -> DaemonClientError {
    let status = head.status.code
    let retry = head.headers.first(name: "Retry-After").flatMap { Int($0) }
    // What cannot be read as a problem is reported by its status.
    if let problem = try? JSONDecoder().decode(Problem.self, from: Data(body.readableBytesView)) {
      if let code = problem.code.flatMap({ Refusal.Code(rawValue: $0) }) {
        return .refused(
          Refusal(code, problem.detail ?? problem.title ?? "refused", retryAfterSeconds: retry))
      }
    }
    return status == 401 || status == 403
      ? .forbidden(place: place, reason: "does not let this user in (status \(status))")
      : .nonsense(place: place, reason: "status \(status) without a problem document")
  }

  private struct Problem: Decodable {
    var code: String?
    var title: String?
    var detail: String?
  }

  /// Reads a value out of JSON.
  func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: some Sequence<UInt8>
  ) throws(DaemonClientError) -> Value {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      return try decoder.decode(type, from: Data(bytes))
    } catch {
      throw .nonsense(place: place, reason: "no \(type) in it")
    }
  }
}
