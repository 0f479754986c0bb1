// Threads of tests: each does what it is told while the test waits, and is joined in the end.

import Foundation

/// A value that a test passes to another thread, although its type is not meant for that.
struct Carried<Value>: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the tests use it on one thread at a time.
  var value: Value
}

/// A place that keeps a value and can be emptied on any thread.
final class Place<Value>: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): as above.
  var value: Value?

  init(_ value: Value? = nil) { self.value = value }
}

/// Lines in the order in which they were added.
final class Diary: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): as above.
  private(set) var lines: [String] = []

  func add(_ line: String) { lines.append(line) }
}

/// A thread that works for the test while the test waits.
final class JoinedThread: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the semaphores order all uses of `work`.
  private let asked = DispatchSemaphore(value: 0)
  private let answered = DispatchSemaphore(value: 0)
  private var work: (() -> Void)?
  private var thread = pthread_t()

  init() {
    let failure = unsafe pthread_create(
      &thread, nil,
      { argument in
        if let argument = unsafe argument {
          unsafe Unmanaged<JoinedThread>.fromOpaque(argument).takeRetainedValue().serve()
        }
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    precondition(failure == 0, "no thread for the test: errno \(failure)")
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

  /// Ends the thread; returns when all of its thread-local things are gone, too.
  func end() {
    work = nil
    asked.signal()
    let failure = pthread_join(thread, nil)
    precondition(failure == 0, "the test's thread cannot be joined: errno \(failure)")
  }

  /// Does something on a thread of its own, which has ended when this returns.
  static func run(_ work: () -> Void) {
    let thread = JoinedThread()
    thread.run(work)
    thread.end()
  }

  /// Runs something that may throw on a thread of its own, and waits for it.
  static func value(_ work: () throws -> Void) throws {
    var failure: (any Error)?
    run {
      do { try work() } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
