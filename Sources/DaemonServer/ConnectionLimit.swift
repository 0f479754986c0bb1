// How many connections there are at once; what is beyond waits in the kernel's queue.

import CoreMetrics
import NIOCore
import Synchronization

/// The connections of all listeners together.
final class ConnectionLimit: Sendable {
  private struct State {
    var open: [ObjectIdentifier: any Channel] = [:]

    /// What to do when the next one has closed.
    var waiting: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())
  private let most: Int
  private let metrics: ServerMetrics

  init(most: Int, metrics: ServerMetrics) {
    self.most = most
    self.metrics = metrics
  }

  var count: Int { state.withLock { $0.open.count } }

  /// Counts a connection until it is closed.
  func add(_ channel: any Channel) {
    let key = ObjectIdentifier(channel)
    let count = state.withLock { state in
      state.open[key] = channel
      return state.open.count
    }
    metrics.connections.set(Int64(count))
    channel.closeFuture.whenComplete { [self] _ in remove(key) }
  }

  /// Says whether to accept now; if not, calls back once when that may be.
  func hasRoom(otherwise callBack: @escaping @Sendable () -> Void) -> Bool {
    state.withLock { state in
      if state.open.count < most { return true }
      state.waiting.append(callBack)
      return false
    }
  }

  /// Calls back once when the next connection has closed.
  func whenOneCloses(_ callBack: @escaping @Sendable () -> Void) {
    state.withLock { $0.waiting.append(callBack) }
  }

  /// Closes all that are left, whatever they do.
  func closeAll() {
    for channel in state.withLock({ Array($0.open.values) }) { channel.close(promise: nil) }
  }

  private func remove(_ key: ObjectIdentifier) {
    let (count, waiting) = state.withLock { state in
      state.open[key] = nil
      let waiting = state.waiting
      state.waiting = []
      return (state.open.count, waiting)
    }
    metrics.connections.set(Int64(count))
    for callBack in waiting { callBack() }
  }
}
