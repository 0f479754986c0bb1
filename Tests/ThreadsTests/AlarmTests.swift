// Timers without libdispatch: when they call, whom they do not call, and pauses that are cancelled.

import Dispatch
import Synchronization
import Testing

@testable import Threads

@Suite("An alarm")
struct AlarmTests {
  /// Who was called, in order.
  private final class Calls: Sendable {
    let names = Mutex<[String]>([])
    let last = DispatchSemaphore(value: 0)

    func add(_ name: String) { names.withLock { $0.append(name) } }

    /// Whether the last one was called; a minute is for a machine that others use.
    var ended: Bool { last.wait(timeout: .now() + 60) == .success }
  }

  @Test func callsInTheOrderOfTheTimesAndNobodyWhoWasCleared() {
    let calls = Calls()
    let alarms = (0..<5).map { _ in Alarm() }
    alarms[0].set(after: .milliseconds(60)) {
      calls.add("late")
      calls.last.signal()
    }
    alarms[1].set(after: .milliseconds(40)) { calls.add("middle") }
    alarms[2].set(after: .milliseconds(20)) { calls.add("early") }
    alarms[3].set(after: .milliseconds(30)) { calls.add("cleared") }
    alarms[3].clear()
    alarms[4].set(after: .milliseconds(30)) { calls.add("replaced") }
    alarms[4].set(after: .seconds(3600)) { calls.add("never") }
    #expect(calls.ended)
    #expect(calls.names.withLock { $0 } == ["early", "middle", "late"])
    alarms[4].clear()
  }

  @Test func isHeardByAThreadThatWaitsForALaterOne() throws {
    let calls = Calls()
    let (later, sooner) = (Alarm(), Alarm())
    later.set(after: .seconds(3600)) { calls.add("later") }
    for _ in 0..<20 {
      sooner.set(after: .microseconds(100)) { calls.last.signal() }
      try #require(calls.ended)
    }
    #expect(calls.names.withLock { $0.isEmpty })
    later.clear()
  }

  @Test func callsAtOnceAfterATimeThatHasPassed() {
    let calls = Calls()
    let alarm = Alarm()
    alarm.set(after: .seconds(Int64.min)) { calls.last.signal() }
    #expect(calls.ended)
  }

  @Test func isForgottenWithItsOwner() {
    weak var kept: Calls?
    do {
      let seen = Calls()
      kept = seen
      let alarm = Alarm()
      alarm.set(after: .seconds(3600)) { seen.add("never") }
      #expect(kept != nil)
    }
    #expect(kept == nil, "the thread of all timers keeps what nobody waits for")
  }

  @Test func takesTheLongestTime() {
    let alarm = Alarm()
    alarm.set(after: .seconds(Int64.max)) { Issue.record("it is not that late yet") }
    alarm.clear()
  }

  @Test func pausesATask() async throws {
    let began = ContinuousClock.now
    try await Alarm.sleep(for: .milliseconds(5))
    #expect(ContinuousClock.now - began >= .milliseconds(5))
  }

  @Test func endsAPauseThatIsCancelled() async {
    let task = Task { try await Alarm.sleep(for: .seconds(3600)) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
