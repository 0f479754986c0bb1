// The job that runs: how it is stopped and held, and what its watchers have seen of it.

import BenchmarkRunner
import DaemonAPI
import Reports
import Synchronization

/// The controls of a run that goes on in another task.
final class RunningJob: Sendable {
  /// Why a run is to end.
  enum Stop: Sendable {
    case cancelled, draining
  }

  let id: Int
  let watchers: Watchers<JobUpdate>

  private struct State {
    var stop: Stop?
    var isHeld = false

    /// Whether it was held when it was asked to end.
    var wasHeld = false
    var isOver = false
    var waiting: CheckedContinuation<Void, Never>?
    var progress: JobProgress?
    var told: ContinuousClock.Instant?
  }

  private let state = Mutex(State())

  /// Telling more often than this takes time beside the measurement, and no eye follows it.
  private static let interval = Duration.milliseconds(100)

  init(id: Int, watchers: Watchers<JobUpdate>) {
    self.id = id
    self.watchers = watchers
  }

  var stop: Stop? { state.withLock { $0.stop } }
  var isHeld: Bool { state.withLock { $0.isHeld } }
  var wasHeld: Bool { state.withLock { $0.wasHeld || $0.isHeld } }

  /// Whether all is measured, and what became of it is being stored: nothing can be done to it.
  var isOver: Bool { state.withLock { $0.isOver } }

  func end() { state.withLock { $0.isOver = true } }

  /// The newest progress, for a watcher that has just come.
  var progress: JobProgress? { state.withLock { $0.progress } }

  /// Asks the run to end; the first reason stands.
  func stop(_ why: Stop) {
    state.withLock { state in
      guard state.stop == nil else { return }
      state.stop = why
      state.wasHeld = state.isHeld
    }
    release()
  }

  /// Makes the run wait before its next block.
  func hold() { state.withLock { $0.isHeld = $0.stop == nil } }

  func release() {
    let waiting = state.withLock { state in
      defer { state.waiting = nil }
      state.isHeld = false
      return state.waiting
    }
    waiting?.resume()
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
      beforeBlock: { await self.pass() },
      shouldStop: { self.stop != nil },
      timeBudget: timeBudget)
  }

  /// Returns when the run is not held.
  private func pass() async {
    await withCheckedContinuation { continuation in
      let passes = state.withLock { state in
        guard state.isHeld else { return true }
        state.waiting = continuation
        return false
      }
      if passes { continuation.resume() }
    }
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
