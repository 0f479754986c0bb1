// Which job comes next: greater priorities first, then the clients in turns, then the oldest.

import DaemonAPI

/// The jobs that are not done, in memory.
///
/// The store has them all; this knows their order. Within one priority every client gets its turn, however many jobs another has: the one that was
/// served least recently comes first.
struct JobQueue {
  private var jobs: [Int: Job] = [:]

  /// Increases by one with every job taken; what a client got last.
  private var turn = 0
  private var served: [String: Int] = [:]

  var queuedCount: Int { count(.queued) }
  var pausedCount: Int { count(.paused) }
  var isEmpty: Bool { jobs.isEmpty }

  /// Whether a job waits for its turn that wants the machine quiet.
  var wantsQuiet: Bool { jobs.values.contains { $0.state == .queued && $0.request.quiet != nil } }

  /// Adds a job, or puts a changed one in the place of what it was.
  mutating func put(_ job: Job) { jobs[job.id] = job }

  mutating func remove(_ id: Int) -> Job? {
    let job = jobs.removeValue(forKey: id)
    if jobs.isEmpty {
      // Without anybody waiting there is nothing to be fair about; names need not pile up.
      served.removeAll()
    }
    return job
  }

  func job(_ id: Int) -> Job? { jobs[id] }

  /// The job that should run now, of those that may.
  ///
  /// - Complexity: O(n) in the number of jobs that wait.
  func next(where mayRun: (Job) -> Bool) -> Job? {
    var best: Job?
    for job in jobs.values where job.state == .queued && mayRun(job) {
      if let found = best, !goesBefore(job, found) { continue }
      best = job
    }
    return best
  }

  /// Takes a turn of a client.
  mutating func serve(_ client: String) {
    turn += 1
    served[client] = turn
  }

  private func goesBefore(_ left: Job, _ right: Job) -> Bool {
    let (a, b) = (left.request.priority, right.request.priority)
    if a != b { return a > b }
    let (turnA, turnB) = (served[left.client] ?? 0, served[right.client] ?? 0)
    if turnA != turnB { return turnA < turnB }
    return left.id < right.id
  }

  private func count(_ state: Job.State) -> Int {
    jobs.values.count { $0.state == state }
  }
}
