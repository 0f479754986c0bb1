// Tasks on threads of our own: each step once, so many at once, all kinds of tasks, and none without threads.

import Glibc
import Testing

@testable import Threads

/// Each in a process of its own: where tasks run is decided once for all of them.
@Suite("Threads for tasks")
struct TaskThreadsTests {
  /// On which threads something was.
  private final class Seen: Sendable {
    private let threads = Monitor<Set<pthread_t>>([])

    var count: Int { threads.withLock { $0.count } }

    /// Not to be asked for where a task may change threads meanwhile.
    func note() { threads.withLock { _ = $0.insert(pthread_self()) } }
    func has(_ thread: pthread_t) -> Bool { threads.withLock { $0.contains(thread) } }
  }

  /// Threads that are known.
  private static func crew(_ seen: Seen) -> Crew {
    Crew { work throws(SystemFailure) in
      Crew.shared.need("a test") {
        seen.note()
        work()
      }
    }
  }

  /// A step that is lost is waited for for ever; SIGALRM ends the process.
  private static func waitAMinute() { _ = alarm(60) }

  private actor Resident {
    func note(_ seen: Seen) { seen.note() }
  }

  @Test func runEachChildOnce() async {
    await #expect(processExitsWith: .success) {
      Self.waitAMinute()
      let (own, seen, ran) = (Seen(), Seen(), Monitor<[Int: Int]>([:]))
      try TaskThreads.keep(2, of: Self.crew(own))
      await withTaskGroup { group in
        for child in 0..<500 {
          group.addTask {
            ran.withLock { $0[child, default: 0] += 1 }
            await Task.yield()
            seen.note()
            #expect(own.has(pthread_self()))
          }
        }
      }
      #expect(ran.withLock { $0 } == Dictionary(uniqueKeysWithValues: (0..<500).map { ($0, 1) }))
      #expect((1...2).contains(seen.count))
    }
  }

  @Test func runWhatStandsAlone() async {
    await #expect(processExitsWith: .success) {
      Self.waitAMinute()
      let (own, seen) = (Seen(), Seen())
      try TaskThreads.keep(1, of: Self.crew(own))
      let resident = Resident()
      await Task { seen.note() }.value
      await Task.detached(priority: .background) { await resident.note(seen) }.value
      await Task.yield()
      seen.note()
      try await Alarm.sleep(for: .microseconds(1))
      #expect(seen.count == 1)
      #expect(await Task { own.has(pthread_self()) }.value)
    }
  }

  @Test func runAsManyAtOnceAsThereAre() async {
    await #expect(processExitsWith: .success) {
      Self.waitAMinute()
      try TaskThreads.keep(3)
      let standing = Monitor(0)
      let end = SuspendingClock.now + .seconds(60)
      let all = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<3 {
          group.addTask {
            standing.withLock { $0 += 1 }
            standing.signal()
            let came = standing.wait { count in
              if count == 3 { return .done(true) }
              return SuspendingClock.now < end ? .wait(for: end - .now) : .done(false)
            }
            // The next one who waits is told by the one who no longer does.
            standing.signal()
            return came
          }
        }
        return await group.allSatisfy { $0 }
      }
      #expect(all)
    }
  }

  @Test func restOnceWhenThereIsNothingToDo() async {
    await #expect(processExitsWith: .success) {
      Self.waitAMinute()
      let rests = Monitor(0)
      try TaskThreads.keep(1) {
        rests.withLock { $0 += 1 }
        rests.signal()
      }
      // The thread cannot rest while somebody on it waits for that.
      let counts = await withCheckedContinuation { done in
        Crew.shared.need("a test") {
          var counts = [Self.restsUntilNothingComes(rests)]
          for _ in 0..<3 {
            Task {}
            counts.append(Self.restsUntilNothingComes(rests, beyond: counts.last ?? 0))
          }
          done.resume(returning: counts)
        }
      }
      #expect(counts.map { $0 - counts[0] } == [0, 1, 2, 3])
    }
  }

  /// How many rests there were when one has come and half a second later no other one has.
  private static func restsUntilNothingComes(_ rests: Monitor<Int>, beyond seen: Int = 0) -> Int {
    var count = rests.wait { $0 > seen ? .done($0) : .wait(for: nil) }
    while true {
      let end = SuspendingClock.now + .milliseconds(500)
      let next = rests.wait { now in
        if now > count { return Monitor.Look.done(now) }
        return SuspendingClock.now < end ? .wait(for: end - .now) : .done(now)
      }
      if next == count { return count }
      count = next
    }
  }

  @Test func leaveTasksAloneWithoutThreads() async {
    await #expect(processExitsWith: .success) {
      Self.waitAMinute()
      let crew = Crew { _ throws(SystemFailure) in throw SystemFailure(code: EAGAIN) }
      #expect(throws: TaskThreads.Failure.noThreads(code: EAGAIN)) {
        try TaskThreads.keep(1, of: crew)
      }
      let answer = await Task { 7 }.value
      #expect(answer == 7)
    }
  }

  @Test func comeOnce() async {
    await #expect(processExitsWith: .success) {
      Self.waitAMinute()
      try TaskThreads.keep(1)
      #expect(throws: TaskThreads.Failure.noHook) { try TaskThreads.keep(1) }
      let answer = await Task { 7 }.value
      #expect(answer == 7)
    }
  }
}
