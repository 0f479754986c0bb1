// Ctrl-C while trials are made: the first ends them in order, the second at once, and nothing is left.

import Foundation
import Glibc
import StressRunner
import Synchronization

/// What ends a run of trials early, as long as it lives.
struct StressStop {
  private let flag = StopFlag()
  private let over = StopFlag()
  private let signals: StopSignals

  /// - Parameter isPatient: Whether the trials that are being made come to their end first.
  init(isPatient: Bool) {
    let (flag, first, over) = (flag, FirstSignal(), over)
    signals = StopSignals(StopSignals.usual + Self.hangup) { _ in
      flag.raise()
      if !isPatient || over.isUp || first.isLongAgo { Self.leave() }
    }
  }

  /// No trial has to come to its end any more: whoever waits for the reader of a pipe may leave.
  func trialsAreOver() { over.raise() }

  /// When the first signal came.
  private final class FirstSignal: Sendable {
    private let time = Mutex<ContinuousClock.Instant?>(nil)

    var isLongAgo: Bool {
      let now = ContinuousClock.now
      return time.withLock { time in
        guard let first = time else {
          time = now
          return false
        }
        return now - first > samePress
      }
    }
  }

  /// Signals so close to one another are one wish: `timeout` sends its own to a program and to its group.
  private static let samePress = Duration.milliseconds(500)

  /// Asks whether to stop, from any thread.
  var question: @Sendable () -> Bool { { [flag] in flag.isUp } }

  private static func leave() -> Never {
    StressRunner.abandon()
    StressClasses.removeScratch()
    _exit(ExitCodes.interrupted.rawValue)
  }

  /// A terminal that is closed, unless `nohup` said that it does not matter.
  private static var hangup: [Int32] {
    // Without this file nothing is known, and then the signal keeps its meaning.
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("SigIgn:") }),
      let ignored = UInt64(line.dropFirst(7).drop { $0 == "\t" || $0 == " " }, radix: 16)
    else { return [SIGHUP] }
    return ignored & 1 << UInt64(SIGHUP - 1) == 0 ? [SIGHUP] : []
  }
}
