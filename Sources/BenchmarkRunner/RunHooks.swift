// What whoever asked for a run is told while it goes on, and how it can be ended.

public import Reports

/// Ways into a run from outside.
public struct RunHooks {
  /// Told before every request to a worker.
  public var progress: (RunProgress) -> Void

  /// Told when a block is complete: its group, counted from 1, and what each row measured in it.
  public var blockDone: (_ group: Int, _ rows: [(backend: String, block: MeasuredBlock)]) -> Void

  /// Asked before every request to a worker: true ends the run, its rows unverified.
  public var shouldStop: @Sendable () -> Bool

  /// How long measuring may take.
  ///
  /// What is left is shared between the groups still to come. Every group measures one block at
  /// least, and its rows are verified; a group that was cut short is noted.
  public var timeBudget: Duration?

  public init(
    progress: @escaping (RunProgress) -> Void = { _ in },
    blockDone: @escaping (_ group: Int, _ rows: [(backend: String, block: MeasuredBlock)]) -> Void =
      { _, _ in },
    shouldStop: @escaping @Sendable () -> Bool = { false }, timeBudget: Duration? = nil
  ) {
    self.progress = progress
    self.blockDone = blockDone
    self.shouldStop = shouldStop
    self.timeBudget = timeBudget
  }
}
