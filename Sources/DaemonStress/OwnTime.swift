// How long somebody took by himself: the time in which the machine kept him waiting is taken off.

import Foundation

/// A stretch of time, and how much of it a process had to wait for the machine.
///
/// A bar for a time is one for the program. On a machine that others use as well, a thread that could run
/// does not, and the hypervisor gives the whole machine to somebody else. The kernel counts both. Where
/// nobody is in the way they are next to nothing, and what is left is the time by the clock.
struct OwnTime {
  private let begin: ContinuousClock.Instant
  private let pid: Int32
  private let isAsked: Bool
  private let before: Waits
  private var last: Waits
  private var end: ContinuousClock.Instant

  /// What the machine took, in seconds.
  private struct Waits {
    /// By process, and by thread of it; one that has ended keeps its last.
    var processes: [Int32: [String: Double]] = [:]
    var ours: Double
    var machine: Double

    init(_ pid: Int32, isFresh: Bool = false) {
      ours = ProcessFacts.delaySecondsOfThread
      machine = ProcessFacts.stolenSeconds
      guard !isFresh else { return }
      for process in [pid] + ProcessFacts.children(pid) {
        processes[process] = ProcessFacts.delaySeconds(process)
      }
    }
  }

  /// Begins.
  ///
  /// - Parameters:
  ///   - pid: The process that is waited for; its children count, too.
  ///   - start: When it was started, where it is a fresh one: all that it has waited so far belongs to it.
  ///   - isAsked: Whether the caller sleeps until he is answered. Who looks again and again waits for a CPU
  ///     while the other one goes on, and that is nobody's delay.
  init(of pid: Int32, startedAt start: ContinuousClock.Instant? = nil, isAsked: Bool = false) {
    self.pid = pid
    self.isAsked = isAsked
    before = Waits(pid, isFresh: start != nil)
    last = before
    // To look takes time of its own, which is nobody's either.
    begin = start ?? .now
    end = begin
  }

  /// Looks once more; what a process has waited is not known any more when it has gone.
  mutating func look() {
    end = .now
    var now = Waits(pid)
    now.processes.merge(last.processes) { fresh, old in fresh.merging(old) { fresh, _ in fresh } }
    last = now
  }

  /// By the clock, until the last look.
  var seconds: Double { (end - begin) / .seconds(1) }

  /// Of these, what the machine kept for others: of each process what its thread waited that waited most,
  /// since threads wait side by side.
  var waited: Double {
    let threads = last.processes.reduce(0) { sum, one in
      let before = before.processes[one.key] ?? [:]
      return sum + (one.value.map { $0.value - (before[$0.key] ?? 0) }.max() ?? 0)
    }
    let cpus = Double(ProcessInfo.processInfo.activeProcessorCount)
    let ours = isAsked ? last.ours - before.ours : 0
    return min(seconds, threads + ours + (last.machine - before.machine) / cpus)
  }

  /// What is left.
  var own: Double { seconds - waited }
}

extension OwnTime {
  /// How long something takes that is asked of a process.
  static func measure<Value>(
    of pid: Int32, _ body: () throws -> Value
  ) rethrows -> (time: OwnTime, value: Value) {
    var time = OwnTime(of: pid, isAsked: true)
    let value = try body()
    time.look()
    return (time, value)
  }
}
