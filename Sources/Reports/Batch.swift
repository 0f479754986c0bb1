// One batch: about a millisecond of operations, with the scheduler's own evidence about it.

/// What was measured around one run of `operations` operations.
public struct Batch: Codable, Hashable, Sendable {
  /// Elapsed on the machine's monotonic clock.
  public var nanoseconds: Int
  public var operations: Int

  /// Time that the measuring thread was ready to run and did not (`/proc/thread-self/schedstat`).
  public var runDelayNanoseconds: Int

  /// Times that the kernel took the CPU away from the measuring thread.
  public var involuntarySwitches: Int

  /// CPU time of the whole process.
  public var cpuNanoseconds: Int
  public var minorFaults: Int
  public var majorFaults: Int

  /// Whether the batch ended on another CPU than it began on.
  public var migrated: Bool

  public init(
    nanoseconds: Int, operations: Int, runDelayNanoseconds: Int = 0, involuntarySwitches: Int = 0,
    cpuNanoseconds: Int = 0, minorFaults: Int = 0, majorFaults: Int = 0, migrated: Bool = false
  ) {
    self.nanoseconds = nanoseconds
    self.operations = operations
    self.runDelayNanoseconds = runDelayNanoseconds
    self.involuntarySwitches = involuntarySwitches
    self.cpuNanoseconds = cpuNanoseconds
    self.minorFaults = minorFaults
    self.majorFaults = majorFaults
    self.migrated = migrated
  }

  public var nanosecondsPerOperation: Double { Double(nanoseconds) / Double(operations) }

  /// Whether nothing disturbed the batch.
  ///
  /// - Parameter switchesInKernel: For a backend whose switch is the kernel's own, waiting in the
  ///   run queue is part of the switch. The process's CPU time is compared with the clock instead:
  ///   a gap of more than a twentieth means that somebody else ran.
  /// - Returns: Whether the batch counts.
  public func isClean(switchesInKernel: Bool) -> Bool {
    if majorFaults > 0 || migrated { return false }
    if switchesInKernel { return cpuNanoseconds * 20 >= nanoseconds * 19 }
    return runDelayNanoseconds == 0 && involuntarySwitches == 0
  }
}
