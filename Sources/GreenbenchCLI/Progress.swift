// One line on the terminal that tells how far a run has come and when it will be done.

import BenchmarkRunner
import Foundation
import Glibc

/// Shows progress on standard error, if that is a terminal.
final class ProgressLine {
  private let shown: Bool
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private var last: ContinuousClock.Instant?

  /// Redrawing more often than this costs time beside the measurement and shows nothing new.
  private static let interval = Duration.milliseconds(100)

  init(shown: Bool) {
    self.shown = shown
    start = clock.now
  }

  func show(_ progress: RunProgress) {
    guard shown else { return }
    let now = clock.now
    if let last, now - last < Self.interval { return }
    last = now
    let line = Self.line(progress, elapsed: now - start, width: Screen.width(of: STDERR_FILENO))
    write("\r\(line)\u{1B}[K")
  }

  /// Takes the line away.
  func clear() {
    if last != nil { write("\r\u{1B}[K") }
  }

  static func line(_ progress: RunProgress, elapsed: Duration, width: Int) -> String {
    var parts = [progress.workload]
    if progress.groups > 1 { parts.append("group \(progress.group)/\(progress.groups)") }
    parts.append("block \(progress.block)/\(progress.blocks)")
    parts.append("\(Int(progress.share * 100)) %")
    parts.append("\(progress.phase.rawValue) \(progress.backend)")
    if progress.share > 0 {
      parts.append("ETA " + clockText(elapsed * ((1 - progress.share) / progress.share)))
    }
    return String(parts.joined(separator: "  ").prefix(max(1, width - 1)))
  }

  private static func clockText(_ duration: Duration) -> String {
    let seconds = Int(duration.components.seconds)
    let rest = seconds % 60
    return "\(seconds / 60):\(rest < 10 ? "0" : "")\(rest)"
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// What is known about the terminal.
enum Screen {
  /// Columns: `COLUMNS`, else the terminal's own answer, else 100.
  static func width(of descriptor: Int32) -> Int {
    let wanted = ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) }
    if let wanted, wanted > 0 { return wanted }
    var size = winsize()
    let answer = unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size)
    return answer == 0 && size.ws_col > 0 ? Int(size.ws_col) : 100
  }

  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// Colours: on a terminal, unless `NO_COLOR` says otherwise.
  static func colours(_ descriptor: Int32) -> Bool {
    let environment = ProcessInfo.processInfo.environment
    return isTerminal(descriptor) && (environment["NO_COLOR"] ?? "").isEmpty
      && environment["TERM"] != "dumb"
  }
}
