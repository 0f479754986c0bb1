// What can go wrong between a client and its daemon, each with its mend and its exit code.

public import DaemonAPI

/// Why a question to the daemon has no answer.
public enum DaemonClientError: Error, Hashable, Sendable {
  /// There is no socket, or nobody listens at it.
  case notRunning(place: String)

  /// Somebody listens, and the conversation broke.
  case unreachable(place: String, reason: String)

  /// The socket, its folder or the token is not to be trusted, or the daemon refuses this user.
  case forbidden(place: String, reason: String)

  /// The daemon said no.
  case refused(Refusal)

  /// The answer is not of the daemon's language.
  case nonsense(place: String, reason: String)

  /// No answer came in time.
  case timedOut(place: String, seconds: Double)

  /// The code that a process ends with because of this error.
  public var exitCode: Int32 {
    switch self {
    case .notRunning, .unreachable, .timedOut: 70
    case .forbidden: 6
    case .nonsense: 1
    case .refused(let refusal): refusal.code.exitCode
    }
  }

  /// Whether the same question may have an answer in a moment: the connection is to blame.
  var passes: Bool {
    switch self {
    case .notRunning, .unreachable, .timedOut: true
    case .refused(let refusal): refusal.code == .draining
    case .forbidden, .nonsense: false
    }
  }
}

extension Refusal.Code {
  /// The code that a process ends with because of this refusal.
  public var exitCode: Int32 {
    switch self {
    case .malformed, .scenario, .conflict, .limit, .mediaType: 64
    case .notFound: 5
    case .queueFull, .draining, .store: 75
    case .forbidden: 6
    case .internalFault: 1
    }
  }
}

extension DaemonClientError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notRunning(let place):
      "no daemon answers at \(place); start one with `greenbench daemon start`"
    case .unreachable(let place, let reason):
      "the daemon at \(place) \(reason); see `greenbench daemon logs`, and ask again"
    case .forbidden(let place, let reason):
      "\(place) \(reason); see `greenbench daemon doctor`"
    case .refused(let refusal): refusal.message
    case .nonsense(let place, let reason):
      "what answers at \(place) does not speak the daemon's language (\(reason));"
        + " check that it is a greenbench of this version"
    case .timedOut(let place, let seconds):
      "the daemon at \(place) did not answer within \(Self.number(seconds)) s;"
        + " see `greenbench daemon logs`, and ask again"
    }
  }

  private static func number(_ seconds: Double) -> String {
    seconds == seconds.rounded() ? String(Int(seconds)) : String(seconds)
  }
}
