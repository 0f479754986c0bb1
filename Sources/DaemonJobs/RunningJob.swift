// The job that runs: how it is stopped, and what its watchers have seen of it.

import BenchmarkRunner
import DaemonAPI
import Reports
import Synchronization

/// The controls of a run that goes on in another task.
final class RunningJob: Sendable {
  /// Why a run is to end; of several reasons the greatest stands.
  enum Stop: Int, Sendable {
    /// The daemon ends.
    case draining

    /// Somebody put the job aside. That holds beyond the daemon's life.
    case paused

    /// Nobody wants it any more.
    case cancelled
  }

  let id: Int

  /// By the steady clock.
  let began: Int
  let watchers: Watchers<JobUpdate>

  private struct State {
    var stop: Stop?
    var isOver = false
    var progress: JobProgress?
    var told: ContinuousClock.Instant?
  }

  private let state = Mutex(State())

  /// Telling more often than this takes time beside the measurement, and no eye follows it.
  private static let interval = Duration.milliseconds(100)

  init(id: Int, began: Int, watchers: Watchers<JobUpdate>) {
    self.id = id
    self.began = began
    self.watchers = watchers
  }

  var stop: Stop? { state.withLock { $0.stop } }

  /// Whether all is measured, and what became of it is being stored: nothing can be done to it.
  var isOver: Bool { state.withLock { $0.isOver } }

  func end() { state.withLock { $0.isOver = true } }

  /// The newest progress, for a watcher that has just come.
  var progress: JobProgress? { state.withLock { $0.progress } }

  /// Asks the run to end before its next question to the worker.
  func stop(_ why: Stop) {
    state.withLock { state in
      if let known = state.stop, known.rawValue >= why.rawValue { return }
      state.stop = why
    }
  }

  /// What the runner is given.
  ///
  /// - Parameter timeBudget: How long it may measure.
  /// - Returns: Hooks that hold this object.
  func hooks(timeBudget: Duration?) -> RunHooks {
    RunHooks(
      progress: { self.tell($0) },
      blockDone: { group, rows in
        guard let number = rows.first?.block.number else { return }
        self.watchers.tell(
          .block(
            BlockUpdate(
              group: group, number: number,
              rows: rows.map {
                BlockUpdate.RowBlock(
                  backend: $0.backend, pressure: $0.block.pressure, batches: $0.block.batches)
              })))
      },
      shouldStop: { self.stop != nil },
      timeBudget: timeBudget)
  }

  private func tell(_ step: RunProgress) {
    let progress = JobProgress(
      phase: step.phase.rawValue, workload: step.workload, backend: step.backend, group: step.group,
      groups: step.groups, block: step.block, blocks: step.blocks)
    let now = ContinuousClock.now
    let isDue = state.withLock { state in
      let isNewPhase = state.progress?.phase != progress.phase
      state.progress = progress
      if let told = state.told, now - told < Self.interval, !isNewPhase { return false }
      state.told = now
      return true
    }
    if isDue { watchers.tell(.progress(progress)) }
  }
}
