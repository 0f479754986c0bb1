// The daemon without its sockets: what it knows, how it begins and how it ends.

public import BenchmarkRunner
public import DaemonAPI
public import Executor
public import Foundation
import Glibc
public import Logging
public import Reports
public import ResultStore
import Threads

/// Takes jobs, runs them one at a time in a worker process, and stores what comes of them.
///
/// A job is acknowledged after it was stored, and done after its session was: both in one
/// transaction. Whatever ends the process in between, the store tells the next one what is open.
public actor JobService: DaemonService {
  /// What the program around it knows.
  public struct Setting: Sendable {
    public var version: String

    /// What sessions are said to be measured by.
    public var source: SourceVersion

    /// Starts a worker.
    public var launch: @Sendable () async -> any SupervisedExecutor

    /// Bytes that the allocator has handed out; nil where nobody counts them.
    public var allocatedBytes: @Sendable () -> Int?

    /// Percent of the last ten seconds in which some task waited for a CPU.
    public var pressurePercent: @Sendable () -> Double?

    /// Nanoseconds since the Unix epoch, by a clock that somebody can set.
    public var now: @Sendable () -> Int

    /// Nanoseconds since some moment, by one that nobody can.
    public var steady: @Sendable () -> Int
    public var timeZone: @Sendable () -> TimeZone

    public init(
      version: String, source: SourceVersion,
      launch: @escaping @Sendable () async -> any SupervisedExecutor,
      allocatedBytes: @escaping @Sendable () -> Int? = { nil },
      pressurePercent: @escaping @Sendable () -> Double? = Pressure.percentOfTenSeconds,
      now: @escaping @Sendable () -> Int = Clocks.systemWall,
      steady: @escaping @Sendable () -> Int = Clocks.systemSteady,
      timeZone: @escaping @Sendable () -> TimeZone = { .current }
    ) {
      self.version = version
      self.source = source
      self.launch = launch
      self.allocatedBytes = allocatedBytes
      self.pressurePercent = pressurePercent
      self.now = now
      self.steady = steady
      self.timeZone = timeZone
    }
  }

  /// How often the daemon may end in the middle of a job before the job is given up.
  static let interruptionsMax = 3

  let setting: Setting
  /// For reading alone; all writing goes through `keeper`.
  let store: ResultStore
  let keeper: StoreKeeper
  let supervisor: WorkerSupervisor
  let logger: Logger
  let events = Watchers<DaemonEvent>(room: 1024)
  let started = ContinuousClock.now

  var configuration: DaemonConfiguration
  var queue = JobQueue()
  var running: RunningJob?

  /// Watchers of jobs that are not done, by the job's id.
  var watchers: [Int: Watchers<JobUpdate>] = [:]

  var isQueuePaused = false
  var isDraining = false

  /// Why the store takes nothing; nil when it does.
  var trouble: String?

  /// Why the next job does not start.
  var holding: String?
  var lastEvent = 0
  var jobsDone = 0

  /// Since when jobs that want quiet have waited for nothing else, by the steady clock.
  var quietSince: [Int: Int] = [:]

  var schedulesByID: [Int: Schedule] = [:]
  var alarm: Task<Void, Never>?

  /// By the steady clock.
  var nextSample = 0
  var nextCleaning = 0

  /// Since when the store's log of writes is longer than it may be; nil when it is not.
  var longLogSince: Int?

  /// From how many bytes on that log is told of.
  var logBytesMax = ResultStore.logBytesMax

  /// Makes a service over a store that is open for writing.
  ///
  /// - Parameters:
  ///   - store: Where everything is kept. Nobody else in this process may write to it.
  ///   - configuration: See there.
  ///   - setting: What the program around it knows.
  ///   - logger: Where to tell what happens.
  public init(
    store: ResultStore, configuration: DaemonConfiguration, setting: Setting, logger: Logger
  ) {
    self.setting = setting
    self.configuration = configuration
    self.logger = logger
    self.store = store
    keeper = StoreKeeper(store)
    let (news, told) = AsyncStream.makeStream(of: WorkerSupervisor.News.self)
    supervisor = WorkerSupervisor(
      limits: Self.limits(configuration), residentBytes: ProcessFigures.residentBytes,
      tell: { told.yield($0) }, launch: setting.launch)
    Task { [weak self] in
      for await piece in news { await self?.workerNews(piece) }
    }
  }

  static func limits(_ configuration: DaemonConfiguration) -> WorkerSupervisor.Limits {
    WorkerSupervisor.Limits(groups: configuration.workerRecycleGroups)
  }

  // MARK: Life

  /// Takes up what the last daemon left, and begins.
  ///
  /// - Parameter checksStore: Whether to look for damage in the store meanwhile, as after a daemon
  ///   that did not end by itself.
  /// - Throws: What the store reports; then nothing was begun.
  public func start(checksStore: Bool = false) async throws(StoreError) {
    let now = setting.now()
    lastEvent = try await keeper.use { store throws(StoreError) in try store.lastEvent() }
    isQueuePaused = try await keeper.use { store throws(StoreError) in try store.isQueuePaused() }
    for job in try await keeper.use({ store throws(StoreError) in try store.openJobs() }) {
      try await recover(job, at: now)
    }
    for schedule in try await keeper.use({ store throws(StoreError) in try store.schedules() }) {
      schedulesByID[schedule.id] = schedule
    }
    try await record(.daemonStarted, nil, "version \(setting.version), pid \(getpid())", at: now)
    // Nobody who asks has to wait for a worker.
    Task { await supervisor.warmUp() }
    await tick()
    if checksStore { checkStore() }
  }

  /// Looks for damage on a thread and a connection of its own: it takes seconds in a large store.
  private func checkStore() {
    let store = store
    do throws(SystemFailure) {
      try Crew.shared.run {
        do throws(StoreError) {
          try store.quickCheck()
        } catch {
          let words = error.isDamage ? "\(error)\(Self.setAside(store))" : "\(error)"
          Task { await self.note(.storeTrouble, nil, words) }
        }
      }
    } catch {
      logger.warning("nobody looks for damage in the store", metadata: ["errno": "\(error.code)"])
    }
  }

  /// Copies a damaged store aside before more is written to it.
  ///
  /// - Returns: What became of that, for the end of a sentence.
  private nonisolated static func setAside(_ store: ResultStore) -> String {
    do {
      return try store.copyAside()
        ? "; as it was found it is kept in \(store.quarantine)"
        : "; \(store.quarantine) is from an earlier time"
    } catch {
      return "; \(error)"
    }
  }

  /// A job that was open when the last daemon ended.
  private func recover(_ job: Job, at now: Int) async throws(StoreError) {
    var job = job
    guard job.state == .running else { return queue.put(job) }
    job.interruptions += 1
    job.startedUnixNanoseconds = nil
    let times = job.interruptions == 1 ? "once" : "\(job.interruptions) times"
    let event: (kind: DaemonEvent.Kind, message: String)
    if job.request.resumes, job.interruptions <= Self.interruptionsMax {
      job.state = .queued
      job.reason = "interrupted \(times); begins anew"
      event = (.jobRequeued, "the daemon ended in the middle of it; begins anew")
      queue.put(job)
    } else {
      job.state = .interrupted
      job.endedUnixNanoseconds = max(now, job.submittedUnixNanoseconds)
      job.exit = 130
      job.reason = "interrupted \(times); submit it again"
      event = (.jobEnded, "the daemon ended in the middle of it; given up")
    }
    let changed = job
    tell(
      try await keeper.use { store throws(StoreError) in
        try store.save(changed, record: nil, event: event, at: now)
      })
  }

  /// Takes another configuration.
  public func reload(_ configuration: DaemonConfiguration) async {
    self.configuration = configuration
    await supervisor.setLimits(Self.limits(configuration))
    await note(.configurationReloaded, nil, "the configuration was read again")
    await tick()
  }

  /// Ends: nothing new is taken, what runs is stopped at its next request to the worker.
  ///
  /// - Parameter deadline: After it the worker is killed under the run.
  public func drain(deadline: Duration) async {
    guard !isDraining else { return }
    isDraining = true
    holding = "the daemon is stopping"
    alarm?.cancel()
    // Before anything is awaited: who sees that the daemon drains can rely on it.
    running?.stop(.draining)
    await note(.daemonStopping, running?.id, "asked to stop")
    if running != nil {
      let timer = Task {
        // Cancelled when the run has ended by itself.
        guard (try? await Alarm.sleep(for: deadline)) != nil else { return }
        await supervisor.close()
        // Without a worker only a store that takes nothing can keep the run.
        guard (try? await Alarm.sleep(for: .seconds(1))) != nil else { return }
        wakeIdle()
      }
      await withCheckedContinuation { idle.append($0) }
      timer.cancel()
    }
    await supervisor.close()
    do {
      _ = try await keeper.use { store throws(StoreError) in try store.checkpoint() }
    } catch {
      logger.warning("no checkpoint at the end", metadata: ["error": "\(error)"])
    }
    for watchers in watchers.values { watchers.finish() }
    events.finish()
  }

  /// Those who wait until nothing runs.
  var idle: [CheckedContinuation<Void, Never>] = []

  func wakeIdle() {
    for waiter in idle { waiter.resume() }
    idle.removeAll()
  }

  // MARK: Questions about the whole

  public func status() async -> DaemonStatus {
    DaemonStatus(
      pid: getpid(), state: state,
      queue: DaemonStatus.Queue(
        queued: queue.queuedCount, paused: queue.pausedCount, running: running?.id,
        limit: configuration.queueLimit, holding: holding),
      workers: [await supervisor.status],
      uptimeSeconds: (ContinuousClock.now - started) / .seconds(1),
      version: setting.version, commit: setting.source.commit, store: store.path,
      lastEvent: lastEvent, memory: ownMemory())
  }

  var state: DaemonStatus.State {
    if isDraining { return .draining }
    if trouble != nil { return .degraded }
    if running != nil { return .running }
    return holding == nil ? .idle : .paused
  }

  func ownMemory() -> DaemonStatus.OwnMemory {
    ProcessFigures.own(allocatedBytes: setting.allocatedBytes())
  }

  public func obstacle() async -> String? {
    if isDraining { return "the daemon is stopping" }
    if let trouble { return "the store takes nothing: \(trouble)" }
    return nil
  }

  public func dump() async -> String {
    let status = await status()
    var lines = [
      "greenbench \(status.version) (\(status.commit)), pid \(status.pid), \(status.state.rawValue)",
      "up \(Int(status.uptimeSeconds)) s, store \(status.store), last event \(status.lastEvent)",
      "memory: \(status.memory.residentBytes) B resident, \(status.memory.descriptors) descriptors",
      "queue: \(status.queue.queued) queued, \(status.queue.paused) paused, holding: "
        + (status.queue.holding ?? "nothing"),
      "watchers: \(events.count) of events, \(watchers.values.reduce(0) { $0 + $1.count }) of jobs",
    ]
    if let running {
      lines.append("running: job \(running.id)\(running.stop == nil ? "" : ", stopping")")
    }
    if let trouble { lines.append("trouble: \(trouble)") }
    lines += status.workers.map { worker in
      "worker: \(worker.state.rawValue), pid \(worker.pid.map(String.init) ?? "none"), "
        + "\(worker.groups) groups, \(worker.restarts) restarts"
    }
    lines += schedulesByID.values.sorted { $0.id < $1.id }.map {
      "schedule \($0.id): \($0.request.cron) \($0.request.name)"
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
