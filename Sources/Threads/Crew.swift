// Threads that may block, and never end: the next task takes the one that is idle.

import Dispatch
import Glibc

/// What the system refused: `errno`.
package struct SystemFailure: Error {
  package let code: Int32

  package init(code: Int32) { self.code = code }
}

/// As many threads as tasks ever ran at once.
///
/// They never end since the kernel's "die with the parent" means the thread that forked; and since
/// a thread for each task would cost some kilobytes that do not come back. Threads of libdispatch or
/// of Swift's tasks are few, and whoever blocks one of them holds up everybody else.
package final class Crew: Sendable {
  package typealias Task = @Sendable () -> Void

  package static let shared = Crew()

  private struct State {
    var waiting: [Task] = []
    var idle = 0
  }

  private let state = Monitor(State())
  private let count = DispatchSemaphore(value: 0)
  private let start: @Sendable (@escaping Task) throws(SystemFailure) -> Void

  /// - Parameter start: Has a new thread do something; another one for tests.
  init(
    start: @escaping @Sendable (@escaping Task) throws(SystemFailure) -> Void = Crew.startThread
  ) {
    self.start = start
  }

  /// How many threads wait for a task.
  var idle: Int { state.withLock { $0.idle } }

  /// Runs a task on a thread of its own.
  ///
  /// - Throws: That there is no thread for it; then it is not run.
  package func run(_ task: @escaping Task) throws(SystemFailure) {
    let hasIdle = state.withLock { state in
      guard state.idle > 0 else { return false }
      // Taken here, so that two tasks do not count on the same thread.
      state.idle -= 1
      state.waiting.append(task)
      return true
    }
    if hasIdle {
      count.signal()
    } else {
      let first = Monitor<Task?>(task)
      try start { self.work(first) }
    }
  }

  /// As `run`, for a task without which the program cannot go on.
  ///
  /// If there is no thread, the program ends.
  ///
  /// - Parameters:
  ///   - what: What the thread is for, to be said then.
  ///   - task: What to do.
  package func need(_ what: String, _ task: @escaping Task) {
    do throws(SystemFailure) {
      try run(task)
    } catch {
      Self.end(for: what, error)
    }
  }

  /// Ends the program, as it cannot go on without a thread.
  static func end(for what: String, _ failure: SystemFailure) -> Never {
    fatalError(
      "no thread for \(what) (errno \(failure.code)); allow more processes, then start again")
  }

  /// - Parameter first: Emptied here: a thread that stays would keep what its first task has.
  private func work(_ first: Monitor<Task?>) {
    first.withLock { $0.take() }?()
    while true {
      state.withLock { $0.idle += 1 }
      count.wait()
      state.withLock { $0.waiting.removeFirst() }()
    }
  }

  /// Foundation's `Thread` does not say that it could not begin, and who waits for it waits for ever.
  private static func startThread(_ work: @escaping Task) throws(SystemFailure) {
    final class Work: Sendable {
      let run: Task
      init(_ run: @escaping Task) { self.run = run }
    }
    // SAFETY: the thread takes what was retained for it; without a thread it is let go of here.
    let work = unsafe Unmanaged.passRetained(Work(work))
    var thread = pthread_t()
    let code = unsafe pthread_create(
      &thread, nil,
      { argument in
        if let argument = unsafe argument {
          unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
        }
        return nil
      }, unsafe work.toOpaque())
    guard code == 0 else {
      unsafe work.release()
      throw SystemFailure(code: code)
    }
    pthread_detach(thread)
  }
}
