// Threads of trials: each does what it is told while the trial waits, and is joined in the end.

import Dispatch
import Foundation
import StressKit

/// A thread that works for the trial while the trial waits.
final class StressThread: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the semaphores order all uses of `work`.
  private let asked = DispatchSemaphore(value: 0)
  private let answered = DispatchSemaphore(value: 0)
  private var work: (() -> Void)?
  private var thread = pthread_t()

  /// Starts one.
  ///
  /// - Throws: `Skip` when the system has no thread for it.
  init() throws {
    let failure = unsafe pthread_create(
      &thread, nil,
      { argument in
        if let argument = unsafe argument {
          unsafe Unmanaged<StressThread>.fromOpaque(argument).takeRetainedValue().serve()
        }
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    guard failure == 0 else {
      // What was retained for it stays: a thread that is missing is no place to save memory.
      throw Skip("no thread (errno \(failure)); try again with fewer processes")
    }
  }

  private func serve() {
    asked.wait()
    while work != nil {
      perform()
      answered.signal()
      asked.wait()
    }
  }

  /// A function of its own: when it returns, the thread keeps nothing of the work.
  @inline(never) private func perform() { work.take()?() }

  /// Has the thread do something, and waits.
  func run(_ work: () -> Void) {
    withoutActuallyEscaping(work) { work in
      self.work = work
      asked.signal()
      answered.wait()
    }
  }

  /// Has the thread do something, and goes on at once; to be followed by `wait`.
  func begin(_ work: @escaping @Sendable () -> Void) {
    self.work = work
    asked.signal()
  }

  /// Waits for what `begin` began.
  func wait() { answered.wait() }

  /// As `run`, and passes errors on.
  func attempt(_ work: () throws -> Void) throws {
    var failure: (any Error)?
    run { do { try work() } catch { failure = error } }
    if let failure { throw failure }
  }

  /// Ends the thread; returns when all that is the thread's is gone, too.
  func end() {
    work = nil
    asked.signal()
    let failure = pthread_join(thread, nil)
    precondition(failure == 0, "a thread of a trial cannot be joined: errno \(failure)")
  }

  /// Does something on a thread of its own, which has ended when this returns.
  static func run(_ work: () throws -> Void) throws {
    let thread = try StressThread()
    defer { thread.end() }
    try thread.attempt(work)
  }
}
