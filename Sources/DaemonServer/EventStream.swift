// Server-sent events: one stream of the service's, with a sign of life where nothing happens.

import Synchronization

/// Frames of `text/event-stream`, made as they are asked for.
struct EventStream: Sendable {
  /// Hands over one frame after the other; returns when there are no more, or nobody takes them.
  let produce: @Sendable (FrameRelay) async -> Void

  /// Called when the client closes before the end.
  var onLeave: (@Sendable () async -> Void)?

  init<Element: Sendable>(
    _ stream: AsyncStream<Element>, frame: @escaping @Sendable (Element) -> String
  ) {
    produce = { relay in
      for await element in stream {
        guard await relay.put(frame(element)) else { return }
      }
    }
  }

  /// A frame.
  static func frame(event: String?, id: Int? = nil, data: String) -> String {
    var text = ""
    if let id { text += "id: \(id)\n" }
    if let event { text += "event: \(event)\n" }
    // JSON of one line: there is no newline in it.
    return text + "data: \(data)\n\n"
  }

  /// A comment, which clients skip.
  static let ping = ": ping\n\n"
}

/// Hands frames from a stream and from a timer to one who writes them, one at a time.
///
/// One who hands over waits until the frame was taken, so a slow client slows its stream down, and
/// the memory of a stream is one frame.
final class FrameRelay: Sendable {
  /// Why there are no more frames.
  enum Ending: Hashable, Sendable {
    /// All were told.
    case told

    /// The server stops, or has lost its patience with a client that does not read.
    case stopped

    /// The client has closed its end.
    case left
  }

  private struct State {
    var frame: String?
    var ending: Ending?
    var isEnded: Bool { ending != nil }
    var taker: CheckedContinuation<String?, Never>?
    var putter: CheckedContinuation<Bool, Never>?
  }

  private let state = Mutex(State())

  /// Hands a frame over; one caller at a time.
  ///
  /// - Returns: false when nobody takes frames any more.
  func put(_ frame: String) async -> Bool {
    await withCheckedContinuation { putter in
      let outcome: Outcome = state.withLock { state in
        if state.isEnded { return .refused }
        if let taker = state.taker {
          state.taker = nil
          return .taken(taker)
        }
        state.frame = frame
        state.putter = putter
        return .kept
      }
      switch outcome {
      case .taken(let taker):
        taker.resume(returning: frame)
        putter.resume(returning: true)
      case .refused: putter.resume(returning: false)
      case .kept: break
      }
    }
  }

  private enum Outcome {
    case taken(CheckedContinuation<String?, Never>)
    case kept, refused
  }

  /// A sign of life, if whoever writes has nothing else to write.
  func ping() {
    let taker = state.withLock { state in
      defer { state.taker = nil }
      return state.taker
    }
    taker?.resume(returning: EventStream.ping)
  }

  /// The next frame; nil at the end.
  ///
  /// One caller at a time.
  func take() async -> String? {
    await withCheckedContinuation { taker in
      let (frame, putter, isEnded) = state.withLock { state in
        let found = (state.frame, state.putter, state.isEnded)
        state.frame = nil
        state.putter = nil
        if found.0 == nil, !found.2 { state.taker = taker }
        return found
      }
      if let frame {
        taker.resume(returning: frame)
        putter?.resume(returning: true)
      } else if isEnded {
        taker.resume(returning: nil)
      }
    }
  }

  /// nil while there may be more.
  var ending: Ending? { state.withLock { $0.ending } }

  /// Lets both sides go; the first one to say why is right.
  func end(_ ending: Ending) {
    let (taker, putter) = state.withLock { state in
      let waiting = (state.taker, state.putter)
      state.ending = state.ending ?? ending
      state.taker = nil
      state.putter = nil
      state.frame = nil
      return waiting
    }
    taker?.resume(returning: nil)
    putter?.resume(returning: false)
  }
}
