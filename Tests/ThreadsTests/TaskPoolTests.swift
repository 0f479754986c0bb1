// Tasks on threads of their own: so many at once, each once, their children too, and none without threads.

import Dispatch
import Glibc
import Testing

@testable import Threads

@Suite("A pool of threads for tasks")
struct TaskPoolTests {
  /// Who stands still until so many do.
  private final class Gate: Sendable {
    private let count = Monitor(0)

    /// Whether they came; a minute is for a machine that others use.
    func stands(until all: Int) -> Bool {
      let end = SuspendingClock.now + .seconds(60)
      count.withLock { $0 += 1 }
      count.signal()
      let came = count.wait { count in
        if count >= all { return .done(true) }
        return SuspendingClock.now < end ? .wait(for: end - .now) : .done(false)
      }
      // The next one who waits is told by the one who no longer does.
      count.signal()
      return came
    }
  }

  @Test func runsEachChildOnceOnItsThreads() async throws {
    let pool = try TaskPool(threads: 2)
    let ran = Monitor<[Int: Int]>([:])
    let threads = await withTaskExecutorPreference(pool) {
      await withTaskGroup(of: pthread_t.self) { group in
        for child in 0..<200 {
          group.addTask {
            ran.withLock { $0[child, default: 0] += 1 }
            await Task.yield()
            return Self.thread
          }
        }
        return await group.reduce(into: Set<pthread_t>()) { $0.insert($1) }
      }
    }
    #expect(threads.count <= 2)
    #expect(ran.withLock { $0 } == Dictionary(uniqueKeysWithValues: (0..<200).map { ($0, 1) }))
  }

  @Test func runsAsManyAtOnceAsItHasThreads() async throws {
    let pool = try TaskPool(threads: 3)
    let gate = Gate()
    let all = await withTaskExecutorPreference(pool) {
      await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<3 { group.addTask { gate.stands(until: 3) } }
        return await group.allSatisfy { $0 }
      }
    }
    #expect(all)
  }

  @Test func wantsNoThreadOnceItHasIts() async throws {
    let begun = Monitor(0)
    let crew = Crew { work throws(SystemFailure) in
      let number = begun.withLock { begun in
        begun += 1
        return begun
      }
      guard number <= 2 else { throw SystemFailure(code: EAGAIN) }
      Crew.shared.need("a test", work)
    }
    let pool = try TaskPool(threads: 2, of: crew)
    for turn in 0..<50 {
      let answer = await withTaskExecutorPreference(pool) { await Self.afterAYield(turn) }
      #expect(answer == turn)
    }
    #expect(throws: SystemFailure.self) { try TaskPool(threads: 1, of: crew) }
  }

  private static func afterAYield(_ turn: Int) async -> Int {
    await Task.yield()
    return turn
  }

  /// Not to be asked for where a task may change threads.
  private static var thread: pthread_t { pthread_self() }
}
