// The client's side of the daemon's language, over a Unix socket or loopback.

public import DaemonAPI
import FoundationEssentials
import NIOCore
import NIOHTTP1
public import Reports

/// A call for every question that a daemon answers.
///
/// Connections are used again; copies of a client share them. Every call has a deadline, and throws
/// `DaemonClientError` only.
public struct DaemonClient: Sendable {
  let core: ClientCore

  /// Makes a client; nothing is connected yet.
  ///
  /// - Parameters:
  ///   - address: Where the daemon is.
  ///   - limits: Deadlines and bounds.
  public init(_ address: DaemonAddress, limits: ClientLimits = ClientLimits()) {
    core = ClientCore(address, limits: limits)
  }

  /// Where the daemon is, for sentences.
  public var place: String { core.place }

  /// Who made the socket, by the kernel's account; nil over loopback.
  public func peer() async throws(DaemonClientError) -> DaemonPeer? {
    let connection = try await ClientConnection.open(
      core.address, by: ClientDeadline(core.limits.deadline))
    defer { connection.close() }
    return connection.peer
  }

  public func status() async throws(DaemonClientError) -> DaemonStatus {
    try await get("/status")
  }

  /// nil when jobs can be taken and run; otherwise the sentence that says why not.
  public func obstacle() async throws(DaemonClientError) -> String? {
    let answer = try await core.exchange(
      Question(method: .GET, path: "/readyz", isRepeatable: true))
    switch answer.head.status.code {
    case 200: return nil
    case 503:
      if case .refused(let refusal) = core.refusal(answer.head, answer.body) {
        return refusal.message
      }
      let text = String(decoding: answer.body.readableBytesView, as: UTF8.self)
      return text.isEmpty ? "it gives no reason" : text
    default: throw core.refusal(answer.head, answer.body)
    }
  }

  // MARK: Jobs

  /// Submits a job.
  ///
  /// - Parameters:
  ///   - request: What to run.
  ///   - key: Makes a repeated submission the first one, so that a lost answer can be asked for
  ///     again; with nil, what became of a submission without an answer is not known.
  /// - Returns: The stored job.
  /// - Throws: `queueFull` and other refusals, or what became of the connection.
  public func submit(
    _ request: JobRequest, key: String?
  ) async throws(DaemonClientError) -> Submission {
    var question = try post("/jobs", request, isRepeatable: key != nil)
    if let key { question.headers.append((DaemonProtocol.idempotencyHeader, key)) }
    let answer: ClientCore.Answer
    do {
      answer = try await core.ask(question)
    } catch {
      // The answer was lost, and perhaps nothing else.
      guard key != nil, case .unreachable = error else { throw error }
      answer = try await core.ask(question)
    }
    return try core.decode(Submission.self, from: answer.body.readableBytesView)
  }

  public func job(_ id: Int) async throws(DaemonClientError) -> Job { try await get("/jobs/\(id)") }

  public func jobs(_ filter: JobFilter = JobFilter()) async throws(DaemonClientError) -> JobPage {
    var query = ["limit=\(filter.limit)"]
    if !filter.states.isEmpty {
      let states = filter.states.map(\.rawValue).sorted()
      query.append("state=\(states.joined(separator: ","))")
    }
    if let client = filter.client { query.append("client=\(Self.escaped(client))") }
    if let before = filter.before { query.append("before=\(before)") }
    return try await get("/jobs?\(query.joined(separator: "&"))")
  }

  public func act(_ action: JobAction, job id: Int) async throws(DaemonClientError) -> Job {
    try await tell("/jobs/\(id)/\(action.rawValue)")
  }

  /// Holds or releases all jobs that have not begun.
  @discardableResult
  public func setQueuePaused(_ paused: Bool) async throws(DaemonClientError) -> DaemonStatus {
    try await tell("/queue/\(paused ? "pause" : "resume")")
  }

  // MARK: Events and sessions

  /// The stored events after one, oldest first.
  public func events(after seq: Int, limit: Int) async throws(DaemonClientError) -> EventPage {
    try await get("/events?after=\(seq)&limit=\(limit)")
  }

  /// The report of a stored session, by the beginning of its UUID.
  public func session(_ prefix: String) async throws(DaemonClientError) -> RunReport {
    try await get("/sessions/\(Self.escaped(prefix))")
  }

  // MARK: Schedules

  public func schedules() async throws(DaemonClientError) -> [Schedule] {
    try await get("/schedules")
  }

  public func addSchedule(
    _ request: ScheduleRequest
  ) async throws(DaemonClientError) -> Schedule {
    let answer = try await core.ask(post("/schedules", request, isRepeatable: false))
    return try core.decode(Schedule.self, from: answer.body.readableBytesView)
  }

  public func removeSchedule(_ id: Int) async throws(DaemonClientError) {
    _ = try await core.ask(
      Question(
        method: .DELETE, path: "\(DaemonProtocol.root)/schedules/\(id)", isRepeatable: false))
  }

  // MARK: Requests

  private func get<Value: Decodable>(_ path: String) async throws(DaemonClientError) -> Value {
    let answer = try await core.ask(
      Question(method: .GET, path: DaemonProtocol.root + path, isRepeatable: true))
    return try core.decode(Value.self, from: answer.body.readableBytesView)
  }

  /// Posts without a body; telling the daemon twice changes no more than telling it once.
  private func tell<Value: Decodable>(_ path: String) async throws(DaemonClientError) -> Value {
    let answer = try await core.ask(
      Question(method: .POST, path: DaemonProtocol.root + path, isRepeatable: true))
    return try core.decode(Value.self, from: answer.body.readableBytesView)
  }

  private func post(
    _ path: String, _ value: some Encodable, isRepeatable: Bool
  ) throws(DaemonClientError) -> Question {
    do {
      let body = [UInt8](try JSONEncoder().encode(value))
      return Question(
        method: .POST, path: DaemonProtocol.root + path, body: body, isRepeatable: isRepeatable)
    } catch {
      throw .refused(
        Refusal(.malformed, "the request cannot be written as JSON; give finite numbers"))
    }
  }

  /// Percent-escapes all but what a URL always allows.
  private static func escaped(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        String(UnicodeScalar(byte))
      default:
        "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}
