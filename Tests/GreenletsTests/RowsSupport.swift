// What the tests of the rows share: errors, a log, tokens that count their ends, threads that end.

import Dispatch
import Foundation
import Greenlets
import Synchronization

/// An error of a test.
struct RowError: Error, Equatable { var number = 1 }

/// Another one, to be told from the first.
struct OtherRowError: Error {}

/// What happened, in order.
final class RowLog<Line> {
  var lines: [Line] = []
  func callAsFunction(_ line: Line) { lines.append(line) }
}

/// An object that does something when it goes.
final class RowToken {
  private let atEnd: () -> Void
  init(atEnd: @escaping () -> Void) { self.atEnd = atEnd }
  deinit { atEnd() }
}

/// Counts the tokens that it made and that are not gone yet.
final class RowTokens {
  private(set) var living = 0

  func make() -> RowToken {
    living += 1
    return RowToken { self.living -= 1 }
  }
}

/// A reference that can be let go of although a closure has it.
final class RowPlace<Value>: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the tests use it on one thread at a time, ordered by semaphores.
  var value: Value?
  init(_ value: Value? = nil) { self.value = value }
}

/// What threads have to say, in any order.
final class RowResults: Sendable {
  private let lines = Mutex<[String]>([])
  func add(_ line: String) { lines.withLock { $0.append(line) } }
  var sorted: [String] { lines.withLock { $0.sorted() } }
}

/// A subclass whose body is whatever a closure answers at the time.
final class AskedGreenlet: Greenlet {
  var answer: (AskedGreenlet) -> GreenletBody? = { _ in nil }
  override var body: GreenletBody? { answer(self) }
}

/// A thread of a test; the test waits until it is over, with all that the engine keeps of it.
struct RowThread {
  private let end = DispatchSemaphore(value: 0)

  /// Starts a thread.
  init(_ body: @escaping () -> Void) {
    let work = RowPlace(body)
    let end = end
    Thread {
      if let body = work.value { body() }
      work.value = nil
      // A thread's tracer is the last thing that the engine lets go of when the thread ends.
      let farewell = RowToken { end.signal() }
      Greenlet.setTracer { _ in withExtendedLifetime(farewell) {} }
    }.start()
  }

  /// Waits for the thread's end.
  func join() { end.wait() }

  /// Does something on a thread of its own.
  static func run(_ body: @escaping () -> Void) { RowThread(body).join() }

  /// Makes something on a thread that has ended when this returns.
  static func make<Value>(_ body: @escaping () throws -> Value) throws -> Value {
    let place = RowPlace<Result<Value, any Error>>()
    run { place.value = Result(catching: body) }
    guard let result = place.value else { preconditionFailure("the thread made nothing") }
    place.value = nil
    return try result.get()
  }
}

/// A thread that has a main greenlet and waits, so that a test has two living threads.
final class WaitingThread {
  private let asked = DispatchSemaphore(value: 0)
  private let answered = DispatchSemaphore(value: 0)
  private let work = RowPlace<() -> Void>()
  private let thread: RowThread

  init() {
    let (asked, answered, work) = (asked, answered, work)
    thread = RowThread {
      while true {
        asked.wait()
        guard let act = work.value else { break }
        act()
        work.value = nil
        answered.signal()
      }
    }
  }

  /// Has the thread do something, and waits for that.
  func run<Value>(_ body: @escaping () throws -> Value) throws -> Value {
    let place = RowPlace<Result<Value, any Error>>()
    work.value = { place.value = Result(catching: body) }
    asked.signal()
    answered.wait()
    guard let result = place.value else { preconditionFailure("the thread made nothing") }
    return try result.get()
  }

  /// Lets the thread end, and waits for that.
  func join() {
    asked.signal()
    thread.join()
  }
}
