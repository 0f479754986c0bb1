// Threads of a trial: the same work on each, and what came of it.

import Dispatch
import Foundation
import StressKit
import Synchronization

enum Crowd {
  /// Runs work on so many threads at once, and waits for all.
  ///
  /// - Parameters:
  ///   - count: How many threads.
  ///   - work: Takes the thread's number, counting from 0.
  /// - Returns: What each came to, in the order of their numbers.
  /// - Throws: The first error of the lowest number.
  static func run<Value: Sendable>(
    _ count: Int, _ work: @escaping @Sendable (Int) throws -> Value
  ) throws -> [Value] {
    let shared = Shared<Value>(count)
    let done = DispatchSemaphore(value: 0)
    for number in 0..<count {
      Thread.detachNewThread {
        let result = Result { try work(number) }
        shared.results.withLock { $0[number] = result }
        done.signal()
      }
    }
    for _ in 0..<count { done.wait() }
    return try shared.results.withLock { results in try results.compactMap { try $0?.get() } }
  }

  private final class Shared<Value: Sendable>: Sendable {
    let results: Mutex<[Result<Value, any Error>?]>
    init(_ count: Int) { results = Mutex(Array(repeating: nil, count: count)) }
  }
}

/// A well-behaved client who asks the same all the while, whatever others do.
final class Friend: Sendable {
  private let isOver = Atomic(false)
  private let done = DispatchSemaphore(value: 0)
  private let outcome = Mutex<(answers: Int, longest: Double, fault: String?)>((0, 0, nil))

  init(_ socket: String) {
    Thread.detachNewThread { [self] in
      while !isOver.load(ordering: .relaxed) {
        let begin = ContinuousClock.now
        do {
          // Somebody new each time: he has to get in, too.
          let answer = try Wire(socket).ask("GET", "/v1/status")
          let seconds = (ContinuousClock.now - begin) / .seconds(1)
          outcome.withLock { outcome in
            outcome.answers += 1
            outcome.longest = max(outcome.longest, seconds)
            if answer.status != 200 { outcome.fault = "status is answered with \(answer.status)" }
          }
        } catch {
          outcome.withLock { $0.fault = "\(error)" }
          break
        }
        usleep(5000)
      }
      done.signal()
    }
  }

  /// Ends it; how many answers it got, how long the slowest took, and what went wrong.
  func end() -> (answers: Int, longest: Double, fault: String?) {
    isOver.store(true, ordering: .relaxed)
    done.wait()
    done.signal()
    return outcome.withLock { $0 }
  }
}

/// Moments of a run at which something happens to it.
enum Moment {
  /// From one to about 180 ms; short ones are likely, for to start is a moment, too.
  static func microseconds(_ generator: inout TrialGenerator) -> UInt32 {
    UInt32(1000 * exp2(Double.random(in: 0...7.5, using: &generator)))
  }
}
