// Threads that may block, and never end: the next task takes the one that is idle.

import Dispatch
import Foundation
import Synchronization

/// As many threads as tasks ever ran at once.
///
/// They never end since the kernel's "die with the parent" means the thread that forked; and since
/// a thread for each task would cost some kilobytes that do not come back. Threads of libdispatch or
/// of Swift's tasks are few, and whoever blocks one of them holds up everybody else.
final class Crew: Sendable {
  static let shared = Crew()

  private struct State {
    var waiting: [@Sendable () -> Void] = []
    var idle = 0
  }

  private let state = Mutex(State())
  private let count = DispatchSemaphore(value: 0)

  private init() {}

  /// Runs a task on a thread of its own.
  func run(_ task: @escaping @Sendable () -> Void) {
    let hasIdle = state.withLock { state in
      state.waiting.append(task)
      guard state.idle > 0 else { return false }
      // Taken here, so that two tasks do not count on the same thread.
      state.idle -= 1
      return true
    }
    if !hasIdle { Thread.detachNewThread { self.work() } }
    count.signal()
  }

  private func work() {
    while true {
      count.wait()
      state.withLock { $0.waiting.removeFirst() }()
      state.withLock { $0.idle += 1 }
    }
  }
}
