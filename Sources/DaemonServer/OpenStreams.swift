// The streams that go on, and who may end them.

import NIOCore
import Synchronization

/// The streams of all connections, to be ended when the server is.
final class OpenStreams: Sendable {
  private struct State {
    /// A connection has one answer at a time.
    var relays: [ObjectIdentifier: FrameRelay] = [:]
    var isDraining = false
    var isEnded = false
  }

  private let state = Mutex(State())

  func add(_ relay: FrameRelay, over channel: any Channel) {
    let isEnded = state.withLock { state in
      if !state.isEnded { state.relays[ObjectIdentifier(channel)] = relay }
      return state.isEnded
    }
    if isEnded { relay.end(.stopped) }
  }

  func remove(over channel: any Channel) {
    state.withLock { _ = $0.relays.removeValue(forKey: ObjectIdentifier(channel)) }
  }

  /// Ends what goes on over one connection, which the server is about to close.
  func end(over channel: any Channel) {
    state.withLock { $0.relays[ObjectIdentifier(channel)] }?.end(.stopped)
  }

  /// From here on, a client that leaves means nothing: the daemon leaves, too.
  func drain() { state.withLock { $0.isDraining = true } }

  var isDraining: Bool { state.withLock { $0.isDraining } }

  func endAll() {
    let relays = state.withLock { state in
      state.isEnded = true
      return Array(state.relays.values)
    }
    for relay in relays { relay.end(.stopped) }
  }
}
