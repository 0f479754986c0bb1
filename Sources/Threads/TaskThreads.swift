// Threads for tasks that never end: what is to be done needs none that would have to be begun first.

import CTasks
import Dispatch

/// The threads that run the steps of all tasks, whichever of them is free.
///
/// Swift has libdispatch begin a thread when there is something to do, and end it after some idle
/// seconds. Where the system has none to give, libdispatch holds whoever hands it a step and looks
/// again once a second (DECISIONS 86). What an actor with an executor, or the main actor, does stays where it was.
package final class TaskThreads: Sendable {
  /// Why tasks run on Swift's own threads, if they were to run on these.
  package enum Failure: Error, Equatable {
    /// The system has no threads to give: `errno`.
    case noThreads(code: Int32)

    /// This runtime of Swift lets nobody in, or has let in somebody else.
    case noHook
  }

  private let steps = Monitor<[Step]>([])
  private let count = DispatchSemaphore(value: 0)

  @safe private struct Step: Sendable {
    // SAFETY (nonisolated(unsafe)): nobody looks at it but the runtime, which hands each to one thread.
    nonisolated(unsafe) let step: UnsafeRawPointer
  }

  private static let threads = TaskThreads()

  /// How long nothing is to be done before a thread rests; by the wall's clock, which does no harm here.
  private static let rest = DispatchTimeInterval.milliseconds(100)

  /// Has threads that never end run all tasks from now on; to be called once, before there is a task.
  ///
  /// - Parameters:
  ///   - count: How many threads; a step that blocks holds one of them.
  ///   - atRest: Called by a thread that has had nothing to do for a tenth of a second, once until it has again.
  /// - Throws: Why not; then tasks run where they did.
  package static func keep(
    _ count: Int, atRest: @escaping @Sendable () -> Void = {}
  ) throws(Failure) {
    try keep(count, of: .shared, atRest: atRest)
  }

  /// As the one above, with threads of another crew.
  static func keep(
    _ count: Int, of crew: Crew, atRest: @escaping @Sendable () -> Void = {}
  ) throws(Failure) {
    do throws(SystemFailure) {
      for _ in 0..<count { try crew.run { threads.serve(atRest) } }
    } catch {
      throw .noThreads(code: error.code)
    }
    // SAFETY: what is taken is run once, by one thread.
    let isTaken = unsafe gb_take_steps { step in unsafe TaskThreads.threads.take(step) }
    if !isTaken { throw .noHook }
  }

  private func take(_ step: UnsafeRawPointer) {
    steps.withLock { unsafe $0.append(Step(step: step)) }
    count.signal()
  }

  private func serve(_ atRest: () -> Void) -> Never {
    while true {
      if count.wait(timeout: .now() + Self.rest) == .timedOut {
        atRest()
        count.wait()
      }
      let step = steps.withLock { $0.removeFirst() }
      // SAFETY: each step was put there once, and is taken once.
      unsafe gb_run_step(step.step)
    }
  }
}
