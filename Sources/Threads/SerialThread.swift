// The thread of one actor: what it does may block, and nobody else waits for that.

import Dispatch
import Synchronization

/// Runs the jobs of an actor on a thread of its own, in their order.
///
/// A serial queue of libdispatch would want a thread for each time that there is something to do.
package final class SerialThread: SerialExecutor {
  /// What the thread knows: it must not keep the executor, or neither would ever end.
  private final class Line: Sendable {
    let jobs = Mutex<[@Sendable () -> Void]>([])
    let count = DispatchSemaphore(value: 0)

    func put(_ job: @escaping @Sendable () -> Void) {
      jobs.withLock { $0.append(job) }
      count.signal()
    }

    /// Until there is a signal without a job.
    func serve() {
      while true {
        count.wait()
        guard let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { return }
        job()
      }
    }
  }

  private let line = Line()

  /// Begins the thread; the program ends if there is none.
  ///
  /// - Parameter what: What it is for, in words.
  package init(for what: String) {
    let line = line
    Crew.shared.need(what) { line.serve() }
  }

  /// The thread ends its work, and is free for others.
  deinit { line.count.signal() }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    line.put {
      // SAFETY: one thread takes one job at a time, as a serial executor must; the job keeps `self`.
      unsafe job.runSynchronously(on: self.asUnownedSerialExecutor())
    }
  }
}
