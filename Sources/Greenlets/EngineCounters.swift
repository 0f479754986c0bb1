// Process-wide counts of what the engine could not clean up.

import Synchronization

/// What went wrong so far, over all threads.
public enum EngineCounters {
  /// How often a body is asked to end before its stack is given up.
  public static let exitTriesMax = 10

  private static let quarantinedCount = Atomic<Int>(0)

  /// Stacks that are left alone for good, because their bodies refused to end.
  public static var quarantined: Int { quarantinedCount.load(ordering: .relaxed) }

  private static let unraisableCount = Atomic<Int>(0)

  /// Errors that left a body which was being ended because nobody held it any more: there was
  /// nobody to throw them to.
  public static var unraisable: Int { unraisableCount.load(ordering: .relaxed) }

  static func report(unraisable error: any Error) {
    unraisableCount.add(1, ordering: .relaxed)
  }

  static func countQuarantine() { quarantinedCount.add(1, ordering: .relaxed) }
}
