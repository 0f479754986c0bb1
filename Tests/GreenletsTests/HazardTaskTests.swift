// Hazard V7: greenlets in tasks, whose functions may go on on another thread after each await.

import Foundation
import Greenlets
import Testing

struct HazardTaskTests {
  @Test("V7: a task's greenlets switch to and fro between two awaits")
  func roundTrips() async throws {
    try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<8 {
        group.addTask {
          var sum = 0
          for _ in 0..<50 {
            sum += try Self.roundTrip(number)
            await Task.yield()
          }
          return sum
        }
      }
      var sums: [Int] = []
      for try await sum in group { sums.append(sum) }
      #expect(sums.sorted() == (0..<8).map { ($0 + 2) * 50 })
    }
  }

  /// Begins and ends on one thread: there is no await in it.
  private static func roundTrip(_ number: Int) throws -> Int {
    let main = Greenlet.current
    let one = Greenlet { (first: Int) -> Int in
      let second: Int = try main.switch(first + 1)
      return second + 1
    }
    let second: Int = try one.switch(number)
    return try one.switch(second)
  }

  @Test("V7: a greenlet that a task takes to another thread is refused there, and kept")
  func otherThread() async throws {
    let (home, away) = (Home(), Home())
    let place = Place<Greenlet>()
    try await home.run {
      let main = Greenlet.main
      let one = Greenlet("one") { () -> Int in
        let number: Int = try main.switch()
        return number + 1
      }
      try one.switch()
      place.value = one
    }
    _ = await away.run {
      #expect(throws: GreenletError.wrongThread(greenlet: "one", current: "main")) {
        try place.value?.switch()
      }
    }
    let reply: Int = try await home.run { try #require(place.value).switch(41) }
    #expect(reply == 42)
    await home.run { place.value = nil }
    home.executor.end()
    away.executor.end()
  }

  /// An actor with a thread of its own.
  private actor Home {
    nonisolated let executor = ThreadExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor {
      unsafe executor.asUnownedSerialExecutor()
    }

    func run<Result: Sendable>(_ act: @Sendable () throws -> Result) rethrows -> Result {
      try act()
    }
  }

  /// Runs an actor's jobs on one thread.
  private final class ThreadExecutor: SerialExecutor, @unchecked Sendable {
    // SAFETY (@unchecked Sendable): the condition guards the rest.
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []
    private var isOver = false
    private let thread = JoinedThread()

    init() { thread.begin { [unowned self] in self.serve() } }

    private func serve() {
      while let job = next() {
        unsafe job.runSynchronously(on: asUnownedSerialExecutor())
      }
    }

    private func next() -> UnownedJob? {
      condition.lock()
      defer { condition.unlock() }
      while jobs.isEmpty && !isOver { condition.wait() }
      return jobs.isEmpty ? nil : jobs.removeFirst()
    }

    func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      condition.lock()
      jobs.append(job)
      condition.signal()
      condition.unlock()
    }

    /// Ends the thread, which has nothing left to do.
    func end() {
      condition.lock()
      isOver = true
      condition.signal()
      condition.unlock()
      thread.wait()
      thread.end()
    }
  }
}
