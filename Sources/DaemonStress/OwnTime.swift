// How long somebody took by himself: the time in which the machine kept him waiting is taken off.

import Foundation

/// A stretch of time, and how much of it a process had to wait for the machine.
///
/// A bar for a time is one for the program. On a machine that others use as well, a thread that could run
/// does not, and the hypervisor gives the whole machine to somebody else. The kernel counts both. Where
/// nobody is in the way they are next to nothing, and what is left is the time by the clock.
struct OwnTime {
  private let begin = ContinuousClock.now
  private let pid: Int32
  private let before: Waits
  private var last: Waits
  private var end = ContinuousClock.now

  /// What the machine took, in seconds.
  private struct Waits {
    /// By thread; one that has ended keeps its last.
    var threads: [String: Double]
    var ours: Double
    var machine: Double

    init(_ pid: Int32) {
      threads = ProcessFacts.delaySeconds(pid)
      ours = ProcessFacts.delaySecondsOfThread
      machine = ProcessFacts.stolenSeconds
    }
  }

  /// Begins.
  ///
  /// - Parameters:
  ///   - pid: The process that is waited for; the caller's own thread counts, too.
  ///   - isFresh: Whether all that the process has waited so far belongs to it: it has just been started.
  init(of pid: Int32, isFresh: Bool = false) {
    self.pid = pid
    var waits = Waits(pid)
    if isFresh { waits.threads = [:] }
    (before, last) = (waits, waits)
  }

  /// Looks once more; what a process has waited is not known any more when it has gone.
  mutating func look() {
    end = ContinuousClock.now
    var now = Waits(pid)
    now.threads.merge(last.threads) { fresh, _ in fresh }
    last = now
  }

  /// By the clock, until the last look.
  var seconds: Double { (end - begin) / .seconds(1) }

  /// Of these, what the machine kept for others.
  var waited: Double {
    let threads = last.threads.reduce(0) { $0 + $1.value - (before.threads[$1.key] ?? 0) }
    return min(seconds, threads + last.ours - before.ours + last.machine - before.machine)
  }

  /// What is left.
  var own: Double { seconds - waited }
}

extension OwnTime {
  /// How long something takes that is asked of a process.
  static func measure<Value>(
    of pid: Int32, _ body: () throws -> Value
  ) rethrows -> (time: OwnTime, value: Value) {
    var time = OwnTime(of: pid)
    let value = try body()
    time.look()
    return (time, value)
  }
}
