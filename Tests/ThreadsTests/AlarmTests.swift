// Timers without libdispatch: when they call, whom they do not call, and pauses that are cancelled.

import Dispatch
import Testing

@testable import Threads

@Suite("An alarm")
struct AlarmTests {
  /// Who was called, in order.
  private final class Calls: Sendable {
    let names = Monitor<[String]>([])
    let last = DispatchSemaphore(value: 0)

    func add(_ name: String) { names.withLock { $0.append(name) } }

    /// Whether the last one was called; a minute is for a machine that others use.
    var ended: Bool { last.wait(timeout: .now() + 60) == .success }
  }

  /// A thread of timers that stands still until it may go on, so that all that is set meanwhile is due at once.
  private struct HeldTimers {
    let timers = TimerThread()
    let mayGo = DispatchSemaphore(value: 0)

    init() {
      let (mayGo, stands) = (mayGo, DispatchSemaphore(value: 0))
      _ = timers.add(after: .zero) {
        stands.signal()
        mayGo.wait()
      }
      stands.wait()
    }
  }

  @Test func callsInTheOrderOfTheTimes() {
    let (calls, held) = (Calls(), HeldTimers())
    let begin = SuspendingClock.now
    for (delay, name) in [(4, "last"), (2, "second"), (1, "first"), (3, "third")] {
      _ = held.timers.add(at: begin + .microseconds(delay)) {
        calls.add(name)
        if name == "last" { calls.last.signal() }
      }
    }
    held.mayGo.signal()
    #expect(calls.ended)
    #expect(calls.names.withLock { $0 } == ["first", "second", "third", "last"])
  }

  @Test func callsNobodyWhoWasClearedOrReplaced() {
    let (calls, held) = (Calls(), HeldTimers())
    let alarms = (0..<3).map { _ in Alarm(on: held.timers) }
    alarms[0].set(after: .zero) { calls.add("cleared") }
    alarms[0].clear()
    alarms[1].set(after: .zero) { calls.add("replaced") }
    alarms[1].set(after: .zero) { calls.add("set") }
    alarms[2].set(after: .zero) { calls.last.signal() }
    held.mayGo.signal()
    #expect(calls.ended)
    #expect(calls.names.withLock { $0 } == ["set"])
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
    let calls = Calls()
    let (alarm, later) = (Alarm(), Alarm())
    alarm.set(after: .seconds(Int64.max)) { calls.add("never") }
    // By then the thread has looked at both.
    later.set(after: .milliseconds(1)) { calls.last.signal() }
    #expect(calls.ended)
    #expect(calls.names.withLock { $0.isEmpty })
    alarm.clear()
  }

  @Test func pausesATask() async throws {
    let began = ContinuousClock.now
    try await Alarm.sleep(for: .milliseconds(5))
    #expect(ContinuousClock.now - began >= .milliseconds(5))
  }

  @Test(.timeLimit(.minutes(1))) func endsAPauseThatIsCancelled() async {
    let task = Task { try await Alarm.sleep(for: .seconds(3600)) }
    // Most of them are in their pause by then, some before it.
    for _ in 0..<100 { await Task.yield() }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
