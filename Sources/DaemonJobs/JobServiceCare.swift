// What the daemon does for its store, and for times that a clock which was set would spoil.

import DaemonAPI
import Logging
import Metrics
import ResultStore

extension JobService {
  /// Drops what is old, empties the log of writes, and keeps a reserve for a full disk.
  func clean() async {
    let kept = configuration
    do {
      try await keeper.use { store throws(StoreError) in
        try store.pruneEvents(keep: kept.eventsKept)
        try store.pruneJobs(keep: kept.jobsKept)
        try store.pruneSamples(keep: kept.samplesKept)
        try store.checkpoint()
        try store.keepReserve()
      }
    } catch {
      logger.warning("the store was not cleaned", metadata: ["error": "\(error)"])
    }
  }

  /// Looks whether a reader that stays lets the log of writes grow, and tells of it once.
  func watchLog() async {
    do {
      let limit = logBytesMax
      let bytes = try await keeper.use { store throws(StoreError) in
        if store.logBytes > limit { try store.checkpoint() }
        return store.logBytes
      }
      Gauge(label: "greenbench_store_log_bytes").record(bytes)
      guard bytes > limit else { return await logIsShort() }
      guard longLogSince == nil else { return }
      longLogSince = setting.steady()
      await note(
        .storeTrouble, nil,
        "the store's log of writes has \(bytes >> 20) MB: a program reads the store and does not end"
      )
    } catch {
      logger.warning("the log of writes was not emptied", metadata: ["error": "\(error)"])
    }
  }

  private func logIsShort() async {
    guard let since = longLogSince else { return }
    longLogSince = nil
    let minutes = (setting.steady() - since) / 60_000_000_000
    await note(.storeTrouble, nil, "the store's log of writes is short again, after \(minutes) min")
  }

  /// When a job ends: never before it began, even if somebody has set the clock.
  ///
  /// - Parameters:
  ///   - job: The job.
  ///   - began: When it began to run, by the steady clock; nil if it never did.
  /// - Returns: In nanoseconds since the Unix epoch.
  func timeOfEnd(_ job: Job, began: Int? = nil) -> Int {
    if let began, let started = job.startedUnixNanoseconds {
      return started + max(0, setting.steady() - began)
    }
    return max(setting.now(), job.startedUnixNanoseconds ?? job.submittedUnixNanoseconds)
  }
}
