// Keeps one worker process warm: starts it, lends it to runs, replaces it when it dies or grows.

import BenchmarkRunner
import DaemonAPI
import Executor
import Reports
import Threads

/// The worker of a daemon.
///
/// One worker at a time: two that measure at once would measure each other. It is started before it
/// is needed and goes from run to run, as long as each leaves it as small as it was: a row's
/// memory is its own.
actor WorkerSupervisor {
  /// Starts a worker process.
  typealias Launch = @Sendable () async -> any SupervisedExecutor

  /// What happens to workers, for the event log.
  enum News: Hashable, Sendable {
    case started(pid: Int32)

    /// Nobody asked it to.
    case died(pid: Int32?, how: String)

    /// Ended by us, with the reason.
    case ended(pid: Int32?, why: String)
  }

  /// When a worker that measured something is replaced by a fresh one.
  struct Limits: Hashable, Sendable {
    var groups = 64

    /// By how much more memory than at its start a worker may go on.
    var growthBytes = 1 << 20
  }

  private let launch: Launch
  private let residentBytes: @Sendable (_ pid: Int32) -> Int?
  private let tell: @Sendable (News) -> Void
  /// How long a worker may be silent that is asked who it is, or rehearses on a busy machine.
  private let greeting = Duration.seconds(60)
  private let clock = ContinuousClock()
  private var limits: Limits

  private var state = DaemonStatus.WorkerStatus.State.starting
  private var current: Current?
  private var restarts = 0
  private var groups = 0
  private var backOff = BackOff()

  /// The longest wait after a start that made no process.
  private static let cheapBackOff = Duration.milliseconds(400)
  private var notBefore: ContinuousClock.Instant?
  private var isClosed = false
  private var starting: Task<Current?, Never>?

  /// What the newest worker said of itself.
  private(set) var hello: HelloReply?

  private struct Current {
    let worker: any SupervisedExecutor
    let number: Int
    let pid: Int32?
    let residentBytes: Int?
    var groups = 0
  }

  private var number = 0

  init(
    limits: Limits = Limits(),
    residentBytes: @escaping @Sendable (_ pid: Int32) -> Int?,
    tell: @escaping @Sendable (News) -> Void,
    launch: @escaping Launch
  ) {
    self.limits = limits
    self.residentBytes = residentBytes
    self.tell = tell
    self.launch = launch
  }

  var status: DaemonStatus.WorkerStatus {
    DaemonStatus.WorkerStatus(pid: current?.pid, state: state, restarts: restarts, groups: groups)
  }

  func setLimits(_ limits: Limits) { self.limits = limits }

  /// Starts a worker so that it is there when the first job comes.
  func warmUp() async { _ = await worker() }

  /// Lends the worker, once there is one.
  ///
  /// After a death it is there at once, and after further ones later and later. One that cannot be
  /// started at all is lent, too: its first answer says why.
  func lend() async -> any Executing {
    guard let current = await soundWorker() else {
      let fresh = await launch()
      return LentWorker(fresh) { isSound in
        if isSound { await fresh.bye(deadline: .seconds(10)) }
      }
    }
    state = .measuring
    let number = current.number
    return LentWorker(current.worker, hello: hello) { [weak self] isSound in
      await self?.takeBack(number, isSound: isSound)
    }
  }

  /// Ends the worker; afterwards there is none.
  func close() async {
    isClosed = true
    starting?.cancel()
    guard let current else { return }
    self.current = nil
    await current.worker.stop()
  }

  // MARK: Starting

  /// The worker, after a word with it: one that has just died is not lent.
  private func soundWorker() async -> Current? {
    while let current = await worker() {
      do {
        hello = try await current.worker.hello(deadline: greeting)
        return current
      } catch {
        await current.worker.stop()
        left(current, await current.worker.gone())
      }
    }
    return nil
  }

  private func worker() async -> Current? {
    if let current { return current }
    if isClosed { return nil }
    let task = starting ?? Task { await self.start() }
    starting = task
    return await task.value
  }

  private func start() async -> Current? {
    defer { starting = nil }
    if let notBefore {
      state = .backingOff
      // Cancelled by `close` alone, and then nothing is to be started.
      guard (try? await Alarm.sleep(for: notBefore - clock.now)) != nil else { return nil }
    }
    state = .starting
    let fresh = await launch()
    do {
      let greeted = try await fresh.hello(deadline: greeting)
      try await rehearse(on: fresh, greeted)
      hello = greeted
    } catch {
      await fresh.stop()
      // Whoever waits for it gets one more, and with it the reason.
      // Where no process could be made nothing was spent; and once there is room, jobs are to run.
      var isCheap = false
      if case .couldNotStart = error { isCheap = true }
      notBefore = clock.now + backOff.failed(atMost: isCheap ? Self.cheapBackOff : nil)
      state = .backingOff
      tell(.died(pid: nil, how: "\(error)"))
      replace()
      return nil
    }
    if isClosed {
      await fresh.stop()
      return nil
    }
    number += 1
    let pid = await fresh.pid
    let made = Current(
      worker: fresh, number: number, pid: pid, residentBytes: pid.flatMap(residentBytes))
    current = made
    state = .idle
    if let pid { tell(.started(pid: pid)) }
    watch(made)
    return made
  }

  /// Runs the control once on each backend: what a worker makes at its first run and keeps is there before its size
  /// is taken.
  private func rehearse(
    on worker: any SupervisedExecutor, _ hello: HelloReply
  ) async throws(ExecutorError) {
    guard hello.workloads.contains(where: { $0.name == BenchmarkRunner.control }) else { return }
    for backend in hello.backends {
      let request = PrepareRequest(
        workload: BenchmarkRunner.control, parameters: [:], backend: backend.name,
        stack: Scenario.standardStack, seed: 1)
      let handle = try await worker.prepare(request, deadline: greeting).handle
      _ = try await worker.measure(
        handle, batches: 1, batchNanoseconds: Scenario.standardBatchNanoseconds / 10,
        deadline: greeting)
      _ = try await worker.verify(handle, deadline: greeting)
      // Its probe of a greenlet's bytes is the largest thing that a worker makes; once is enough.
      if backend == hello.backends.first {
        _ = try await worker.memory(handle, deadline: greeting)
      }
      _ = try await worker.finish(handle, deadline: greeting)
    }
  }

  private func watch(_ watched: Current) {
    Task {
      let how = await watched.worker.gone()
      self.left(watched, how)
    }
  }

  private func left(_ watched: Current, _ how: ExecutorError) {
    guard let current, current.number == watched.number else { return }
    self.current = nil
    if how == .stopped {
      tell(.ended(pid: watched.pid, why: "its run was stopped"))
    } else {
      notBefore = clock.now + backOff.failed()
      restarts += 1
      tell(.died(pid: watched.pid, how: how.fact))
    }
    replace()
  }

  /// Starts the next worker behind the back of whoever noticed that one is missing.
  private func replace() {
    guard !isClosed else { return }
    Task { await self.warmUp() }
  }

  // MARK: Lending

  private func takeBack(_ lent: Int, isSound: Bool) async {
    guard var current, current.number == lent else { return }
    current.groups += 1
    groups += 1
    self.current = current
    guard isSound else { return left(current, await current.worker.gone()) }
    backOff.succeeded()
    notBefore = nil
    state = .idle
    let growth = growth(of: current)
    if current.groups >= limits.groups || growth > limits.growthBytes {
      self.current = nil
      let why =
        growth > limits.growthBytes
        ? "it had grown by \(growth >> 10) KiB" : "it had measured \(current.groups) groups"
      await current.worker.bye(deadline: greeting)
      tell(.ended(pid: current.pid, why: why))
      replace()
    }
  }

  private func growth(of current: Current) -> Int {
    guard let pid = current.pid, let before = current.residentBytes, let now = residentBytes(pid)
    else { return 0 }
    return now - before
  }
}
