// Runs a batch between two readings of the machine's clocks and counters.

import CContexts
public import Reports

#if canImport(Glibc)
  import Glibc
#endif

/// Times batches on the thread that made it.
///
/// A single switch is never timed: reading the clock costs more than ten of them.
public final class BatchRecorder {
  // Invariant: open until deinit, or -1 where the kernel has no such file.
  private let schedule: Int32

  /// Opens the thread's own scheduler statistics.
  public init() {
    schedule = unsafe open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)
  }

  deinit { if schedule >= 0 { close(schedule) } }

  /// Runs one batch.
  ///
  /// - Parameters:
  ///   - operations: What `work` performs.
  ///   - work: Runs them all.
  /// - Returns: The batch with the scheduler's evidence about it.
  public func record(operations: Int, _ work: () throws -> Void) rethrows -> Batch {
    let delayBefore = runDelayNanoseconds()
    var (before, after) = (gb_counters(), gb_counters())
    unsafe gb_counters_read(&before)
    try work()
    let end = gb_monotonic_ns()
    unsafe gb_counters_read(&after)
    return Batch(
      nanoseconds: max(1, Int(end - before.monotonic_ns)), operations: operations,
      runDelayNanoseconds: runDelayNanoseconds() - delayBefore,
      involuntarySwitches: Int(after.involuntary_switches - before.involuntary_switches),
      cpuNanoseconds: Int(after.process_cpu_ns - before.process_cpu_ns),
      minorFaults: Int(after.minor_faults - before.minor_faults),
      majorFaults: Int(after.major_faults - before.major_faults),
      migrated: after.cpu != before.cpu)
  }

  /// Time that this thread was ready to run and did not, since it began; 0 where nobody counts it.
  private func runDelayNanoseconds() -> Int {
    guard schedule >= 0 else { return 0 }
    return unsafe withUnsafeTemporaryAllocation(byteCount: 128, alignment: 1) { buffer in
      // SAFETY: reads at most the buffer's bytes into it.
      let count = unsafe pread(schedule, buffer.baseAddress, buffer.count, 0)
      guard count > 0 else { return 0 }
      // "running delayed slices": the second number.
      let text = unsafe String(decoding: buffer.prefix(count), as: UTF8.self)
      return text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }
  }
}

/// How many units of work fill a batch.
public enum Calibration {
  /// Finds the number of units that takes about `target` nanoseconds.
  ///
  /// Doubles until a tenth of the target is reached, then scales.
  ///
  /// - Returns: At least 1.
  public static func units(
    filling target: Int, _ run: (_ units: Int) throws -> Void
  ) rethrows -> Int {
    var units = 1
    while true {
      let start = gb_monotonic_ns()
      try run(units)
      let elapsed = max(1, Int(gb_monotonic_ns() - start))
      if elapsed * 10 >= target || units >= 1 << 40 {
        return max(1, Int(Double(units) * Double(target) / Double(elapsed)))
      }
      units *= 2
    }
  }
}
