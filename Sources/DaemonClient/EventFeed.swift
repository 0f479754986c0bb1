// A stream of server-sent events that outlives its connections.

import NIOCore
import NIOHTTP1

/// Hands out the events of a stream one by one, taking it up again where it was lost.
actor EventFeed {
  private let core: ClientCore
  private let path: @Sendable (String?) -> String
  private let isLast: @Sendable (ServerSentEvent) -> Bool

  /// Whether the daemon may end the stream before the last event has come.
  private let mayEndEarly: Bool
  private var parser: EventStreamParser
  private var ready = CircularBuffer<ServerSentEvent>()
  private var connection: ClientConnection?
  private var attempts = 0
  private var hasBegun = false
  private var hasEnded = false

  /// - Parameters:
  ///   - core: Whom to ask.
  ///   - mayEndEarly: Whether an end is no loss.
  ///   - path: What to ask for, by the id of the last event that came.
  ///   - isLast: Whether nothing comes after an event.
  init(
    _ core: ClientCore, mayEndEarly: Bool, path: @escaping @Sendable (String?) -> String,
    isLast: @escaping @Sendable (ServerSentEvent) -> Bool = { _ in false }
  ) {
    self.core = core
    self.path = path
    self.mayEndEarly = mayEndEarly
    self.isLast = isLast
    parser = EventStreamParser(bytesMax: core.limits.answerBytesMax)
  }

  deinit { connection?.close() }

  /// The next event; nil when the stream has ended as it should.
  ///
  /// - Throws: `DaemonClientError`, or `CancellationError`.
  func next() async throws -> ServerSentEvent? {
    while true {
      if let event = ready.popFirst() {
        if isLast(event) { end() }
        return event
      }
      if hasEnded { return nil }
      try Task.checkCancellation()
      do throws(DaemonClientError) {
        try await readOn()
      } catch {
        connection?.close()
        connection = nil
        try Task.checkCancellation()
        // Somebody who was never there is not waited for.
        guard hasBegun, error.passes, attempts < core.limits.resumptionsMax else { throw error }
        let pause = core.limits.resumptionPause * (1 << min(attempts, 10))
        attempts += 1
        parser.restart()
        try await Task.sleep(for: min(pause, .seconds(2)))
      }
    }
  }

  private func end() {
    hasEnded = true
    ready.removeAll()
    connection?.close()
    connection = nil
  }

  /// Connects if there is no connection, and reads a piece.
  private func readOn() async throws(DaemonClientError) {
    guard let connection else { return try await connect() }
    switch try await connection.next(within: core.limits.silence) {
    case .head: throw .nonsense(place: core.place, reason: "an answer with two heads")
    case .body(let part):
      do {
        for event in try parser.take(part.readableBytesView) { ready.append(event) }
      } catch {
        throw .nonsense(
          place: core.place,
          reason: "an event of more than \(core.limits.answerBytesMax) bytes")
      }
      // Whoever sends is alive again.
      attempts = 0
    case .end:
      guard mayEndEarly else {
        throw .unreachable(place: core.place, reason: "stopped in the middle")
      }
      end()
    }
  }

  private func connect() async throws(DaemonClientError) {
    let deadline = ClientDeadline(core.limits.deadline)
    let fresh = try await ClientConnection.open(core.address, by: deadline)
    connection = fresh
    var question = Question(
      method: .GET, path: path(parser.lastID), accept: "text/event-stream", isRepeatable: true)
    if let id = parser.lastID { question.headers.append(("Last-Event-ID", id)) }
    let head = try await core.begin(question, over: fresh, by: deadline)
    guard head.status == .ok else {
      throw core.refusal(head, try await core.rest(of: fresh, by: deadline))
    }
    guard head.headers.first(name: "Content-Type")?.hasPrefix("text/event-stream") == true else {
      throw .nonsense(place: core.place, reason: "no stream of events")
    }
    hasBegun = true
  }
}
