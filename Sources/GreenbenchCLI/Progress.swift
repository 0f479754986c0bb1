// One line on the terminal that tells how far a run has come and when it will be done.

import BenchmarkRunner
import DaemonAPI
import Foundation

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

  /// Columns: as few as any terminal has where standard output cannot tell, so no line wraps.
  private var columns: Int { Terminal.width == .max ? 80 : Terminal.width }

  func show(_ progress: RunProgress) {
    show(
      JobProgress(
        phase: progress.phase.rawValue, workload: progress.workload, backend: progress.backend,
        group: progress.group, groups: progress.groups, block: progress.block,
        blocks: progress.blocks))
  }

  func show(_ progress: JobProgress) {
    guard shown else { return }
    let now = clock.now
    if let last, now - last < Self.interval { return }
    last = now
    let line = Self.line(progress, elapsed: now - start, width: columns)
    write("\r\(line)\u{1B}[K")
  }

  /// Shows a sentence in place of the line, while nothing moves.
  func show(_ sentence: String) {
    guard shown else { return }
    last = clock.now
    write("\r\(sentence.prefix(max(1, columns - 1)))\u{1B}[K")
  }

  /// Takes the line away.
  func clear() {
    if last != nil { write("\r\u{1B}[K") }
  }

  static func line(_ progress: JobProgress, elapsed: Duration, width: Int) -> String {
    var parts = [progress.workload]
    if progress.groups > 1 { parts.append("group \(progress.group)/\(progress.groups)") }
    parts.append("block \(progress.block)/\(progress.blocks)")
    let share = progress.share
    parts.append("\(Int(share * 100)) %")
    parts.append("\(progress.phase) \(progress.backend)")
    if share > 0 { parts.append("ETA " + clockText(elapsed * ((1 - share) / share))) }
    return String(parts.joined(separator: "  ").prefix(max(1, width - 1)))
  }

  private static func clockText(_ duration: Duration) -> String {
    let seconds = Int(duration.components.seconds)
    let rest = seconds % 60
    return "\(seconds / 60):\(rest < 10 ? "0" : "")\(rest)"
  }

  private func write(_ text: String) {
    // A terminal that is gone shows nothing; the measurement goes on.
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}
