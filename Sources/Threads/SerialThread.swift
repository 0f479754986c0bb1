// The thread of one actor: what it does may block, and nobody else waits for that.

/// Runs the jobs of an actor on a thread of its own, in their order.
///
/// A serial queue of libdispatch would want a thread for each time that there is something to do.
package final class SerialThread: SerialExecutor {
  /// What the thread knows: it must not keep the executor, or neither would ever end.
  private struct Line {
    var jobs: [@Sendable () -> Void] = []
    var isClosed = false

    /// nil at its end.
    mutating func next() -> Monitor<Line>.Look<(@Sendable () -> Void)?> {
      guard jobs.isEmpty else { return .done(jobs.removeFirst()) }
      return isClosed ? .done(nil) : .wait(for: nil)
    }
  }

  private let line = Monitor(Line())

  /// Begins the thread; the program ends if there is none.
  ///
  /// - Parameter what: What it is for, in words.
  package convenience init(for what: String) {
    self.init { Crew.shared.need(what, $0) }
  }

  /// - Parameter begin: Has a thread do what it is given, which ends with the executor.
  init(begin: (@escaping Crew.Task) -> Void) {
    let line = line
    begin {
      while let job = line.wait({ $0.next() }) { job() }
    }
  }

  /// The thread ends its work, and is free for others.
  deinit {
    line.withLock { $0.isClosed = true }
    line.signal()
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    line.withLock {
      $0.jobs.append {
        // SAFETY: one thread takes one job at a time, as a serial executor must; it is kept here.
        unsafe job.runSynchronously(on: self.asUnownedSerialExecutor())
      }
    }
    line.signal()
  }
}
