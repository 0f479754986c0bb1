// Threads that stay: each task has one, also after the system had none left.

import Dispatch
import Foundation
import Glibc
import Testing

@testable import Threads

struct CrewTests {
  /// One that says when it runs, and stays until it may go.
  private struct Work: Sendable {
    private let began = DispatchSemaphore(value: 0)
    private let mayGo = DispatchSemaphore(value: 0)

    func run() {
      began.signal()
      mayGo.wait()
    }

    /// Whether it runs; a minute is for a machine that others use.
    var runs: Bool { began.wait(timeout: .now() + 60) == .success }
    func end() { mayGo.signal() }
  }

  /// A system that may be short of threads.
  private final class System: Sendable {
    let isShort = Monitor(false)

    func begin(_ work: @escaping Crew.Task) throws(SystemFailure) {
      guard !isShort.withLock({ $0 }) else { throw SystemFailure(code: EAGAIN) }
      Thread.detachNewThread(work)
    }
  }

  @Test func eachTaskHasAThreadAfterOneWasRefused() throws {
    let system = System()
    let crew = Crew { work throws(SystemFailure) in try system.begin(work) }
    let (first, second, third) = (Work(), Work(), Work())
    try crew.run(first.run)
    #expect(first.runs)
    system.isShort.withLock { $0 = true }
    #expect(throws: SystemFailure.self) { try crew.run { Issue.record("it was refused") } }
    system.isShort.withLock { $0 = false }
    first.end()
    try crew.run(second.run)
    #expect(second.runs)
    try crew.run(third.run)
    #expect(third.runs)
    second.end()
    third.end()
  }

  private final class Threads: Sendable {
    let seen = Monitor<Set<pthread_t>>([])
  }

  @Test func takesTheIdleThread() throws {
    let threads = Threads()
    let crew = Crew()
    for _ in 0..<20 {
      try crew.run { threads.seen.withLock { _ = $0.insert(pthread_self()) } }
      // Nobody tells when a thread has come to rest.
      let end = ContinuousClock.now + .seconds(60)
      while crew.idle == 0, ContinuousClock.now < end { sched_yield() }
      try #require(crew.idle == 1)
    }
    #expect(threads.seen.withLock { $0.count } == 1)
  }

  /// Somebody whom a task has.
  private final class Kept: Sendable {}

  @Test func keepsNothingOfATaskThatIsDone() throws {
    let crew = Crew()
    weak var kept: Kept?
    // The first that a thread has, and one that comes when it is idle.
    for _ in 0..<2 {
      do {
        let object = Kept()
        kept = object
        try crew.run { withExtendedLifetime(object) {} }
      }
      let end = ContinuousClock.now + .seconds(20)
      while kept != nil, ContinuousClock.now < end { sched_yield() }
      #expect(kept == nil)
    }
  }
}
