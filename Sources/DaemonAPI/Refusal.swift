// Why the daemon does not do what it was asked for.

/// A refusal: a code for programs, a sentence for people.
///
/// The sentence is fact; mend. On the wire it is a problem document (RFC 9457).
public struct Refusal: Error, Codable, Hashable, Sendable {
  public var code: Code
  public var message: String

  /// Seconds after which the same request may succeed.
  public var retryAfterSeconds: Int?

  public init(_ code: Code, _ message: String, retryAfterSeconds: Int? = nil) {
    self.code = code
    self.message = message
    self.retryAfterSeconds = retryAfterSeconds
  }

  public enum Code: String, Codable, CaseIterable, Sendable {
    /// The request is not of this language, or a value is out of its range.
    case malformed

    /// The scenario names something that the worker does not have.
    case scenario

    /// There is no such job, session, schedule or path.
    case notFound = "not-found"

    /// The job's state does not allow it, or the idempotency key belongs to another request.
    case conflict

    /// As many jobs wait as may wait.
    case queueFull = "queue-full"

    /// The daemon is stopping.
    case draining

    /// The store does not take anything: its disk is full, or another process holds it.
    case store

    /// The one who asks may not.
    case forbidden

    /// The body is of a type that is not understood.
    case mediaType = "media-type"

    /// A request that is too long, too many at once, or too slow.
    case limit

    /// A fault of the daemon's own.
    case internalFault = "internal"

    /// The status of the HTTP response.
    public var httpStatus: Int {
      switch self {
      case .malformed: 400
      case .scenario: 422
      case .notFound: 404
      case .conflict: 409
      case .queueFull: 429
      case .draining, .store: 503
      case .forbidden: 403
      case .limit: 413
      case .mediaType: 415
      case .internalFault: 500
      }
    }
  }
}

extension Refusal: CustomStringConvertible {
  public var description: String { message }
}
