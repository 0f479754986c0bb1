// Threads for tasks that never end: what is to be done needs none that would have to be begun first.

import Dispatch

/// A few threads that run tasks, whichever of them is free.
///
/// Swift's own executor has libdispatch begin a thread when there is something to do, and end it after
/// some idle seconds. Where the system has none to give, libdispatch holds whoever hands it the task
/// and looks again once a second (DECISIONS 86). Child tasks have it from their parents; a `Task` that stands
/// alone has not.
package final class TaskPool: TaskExecutor {
  private let jobs = Monitor<[UnownedJob]>([])
  private let count = DispatchSemaphore(value: 0)

  /// Begins its threads, which never end; nor does the pool.
  ///
  /// - Throws: That the system has none to give; those that were begun stay, and do nothing.
  package convenience init(threads: Int) throws(SystemFailure) {
    try self.init(threads: threads, of: .shared)
  }

  /// As the one above, of another crew.
  init(threads: Int, of crew: Crew) throws(SystemFailure) {
    for _ in 0..<threads { try crew.run { self.serve() } }
  }

  /// Has one of the threads go on with a task.
  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
    count.signal()
  }

  private func serve() -> Never {
    while true {
      count.wait()
      let job = jobs.withLock { $0.removeFirst() }
      // SAFETY: each job was put there once, and is taken once; the pool never ends.
      unsafe job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }
}
