// The matrix of misuse: in which state a greenlet is, what is done to it, and from which thread.

/// Where a greenlet is in its life when something is done to it.
enum MisuseState: String, CaseIterable {
  case unstarted, bodiless, suspended, sliced, frozen

  /// Suspended on the stack of a coroutine that it resumed.
  case inCoroutine

  /// Suspended, and swallows its first exits.
  case stubborn
  case finished, killed, failed

  /// Given up, because it swallowed all exits: with its thread's end, so that a handle is left.
  case quarantined

  /// Its thread's current one, which does it.
  case running

  /// Waits for a child, which does it.
  case waiting

  /// A thread's own greenlet, while a child of it runs.
  case main
}

/// What is done.
enum MisuseOperation: String, CaseIterable {
  case change, wrongType, raise, exit, kill, drop
  case reparent, circle, adopt, adoptStarted, child
  case setBody, removeBody, freeze, locals, setLocals, backtrace, highWater, describe, rename
}

/// From which thread.
enum MisusePlace: String, CaseIterable {
  /// Its own.
  case own

  /// Another one, while its own waits.
  case living

  /// Another one; its own has ended.
  case ended

  /// What there can be.
  var states: [MisuseState] {
    switch self {
    case .own, .living: MisuseState.allCases.filter { $0 != .quarantined }
    // Its end ends whoever was suspended, and nobody runs.
    case .ended: MisuseState.allCases.filter { $0 != .running && $0 != .waiting }
    }
  }
}

/// A greenlet in a state, on a place.
struct MisuseRow: CustomStringConvertible {
  let place: MisusePlace
  let state: MisuseState

  static let all = MisusePlace.allCases.flatMap { place in
    place.states.map { MisuseRow(place: place, state: $0) }
  }

  var description: String { "\(state.rawValue), from \(place.rawValue) thread" }
}
