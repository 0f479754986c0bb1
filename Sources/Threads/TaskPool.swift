// Threads for tasks that never end: what is to be done needs none that would have to be begun first.

import Dispatch

/// A few threads that run tasks, whichever of them is free.
///
/// Swift's own executor has libdispatch begin a thread when there is something to do, and end it after
/// some idle seconds. Where the system has none to give, libdispatch holds whoever hands it the task
/// and looks again once a second (DECISIONS 86).
package final class TaskPool: TaskExecutor {
  private static let chosen = Monitor<TaskPool?>(nil)

  /// The one that this process runs its tasks on; nil where Swift's own executor does.
  ///
  /// Tasks have it from those that they are a part of; one that stands alone (`Task`) has not.
  package static var kept: TaskPool? { chosen.withLock { $0 } }

  private let jobs = Monitor<[UnownedJob]>([])
  private let count = DispatchSemaphore(value: 0)

  private init() {}

  /// Begins threads, and makes them those of this process; for all of its life.
  ///
  /// - Throws: That the system has none to give; then nothing changes.
  package static func keep(threads: Int) throws(SystemFailure) {
    let pool = TaskPool()
    for _ in 0..<threads { try Crew.shared.run { pool.serve() } }
    chosen.withLock { $0 = pool }
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
