// How far a run has come, for whoever shows it.

/// One step of a run, told before it is taken.
public struct RunProgress: Hashable, Sendable {
  public enum Phase: String, Hashable, Sendable {
    case preparing, measuring, verifying
  }
  public var phase: Phase
  public var workload: String
  public var backend: String

  /// Counts from 1.
  public var group: Int
  public var groups: Int

  /// Complete blocks of this group.
  public var block: Int
  public var blocks: Int
}
