// The worker of a daemon: warm, lent, replaced.

import DaemonAPI
import Executor
import Reports
import Synchronization
import Testing

@testable import DaemonJobs

@Suite("The worker's supervisor")
struct WorkerSupervisorTests {
  private let stage = FakeWorker.Stage()
  private let news: AsyncStream<WorkerSupervisor.News>
  private let supervisor: WorkerSupervisor

  init() {
    let (news, told) = AsyncStream.makeStream(of: WorkerSupervisor.News.self)
    self.news = news
    let stage = stage
    supervisor = WorkerSupervisor(
      limits: WorkerSupervisor.Limits(groups: 3, growthBytes: 1 << 20),
      residentBytes: { _ in stage.now.residentBytes }, tell: { told.yield($0) },
      launch: { stage.launch() })
  }

  /// A run in small: everything that a group does with its worker.
  private func use(_ worker: any Executing, finish: Bool = true) async throws {
    _ = try await worker.hello(deadline: .seconds(1))
    let request = PrepareRequest(
      workload: "ping-pong", parameters: [:], backend: "native", stack: "64KiB", seed: 1)
    let handle = try await worker.prepare(request, deadline: .seconds(1)).handle
    _ = try await worker.measure(handle, batches: 1, batchNanoseconds: 1, deadline: .seconds(1))
    if finish { _ = try await worker.finish(handle, deadline: .seconds(1)) }
    await worker.bye(deadline: .seconds(1))
  }

  @Test("One process goes from run to run")
  func warm() async throws {
    await supervisor.warmUp()
    #expect(await supervisor.status.state == .idle)
    try await use(supervisor.lend())
    try await use(supervisor.lend())
    #expect(stage.launched.count == 1)
    #expect(await stage.launched[0].questions.contains(.bye) == false)
    #expect(await supervisor.status.groups == 2)
  }

  @Test("It measures as long as it is lent")
  func lent() async throws {
    let worker = await supervisor.lend()
    #expect(await supervisor.status.state == .measuring)
    await worker.bye(deadline: .seconds(1))
    #expect(await supervisor.status.state == .idle)
  }

  @Test(
    "After so many groups, or when it has grown, a fresh one takes its place", arguments: [0, 2])
  func recycled(grownMebibytes: Int) async throws {
    for _ in 0..<(grownMebibytes == 0 ? 3 : 1) {
      let worker = await supervisor.lend()
      stage.change { $0.residentBytes += grownMebibytes << 20 }
      try await use(worker)
    }
    try await use(supervisor.lend())
    #expect(stage.launched.count == 2)
    #expect(await stage.launched[0].questions.last == .bye)
    #expect(await supervisor.status.restarts == 0)
  }

  @Test("One in which a run left something is ended")
  func unfinished() async throws {
    try await use(supervisor.lend(), finish: false)
    try await use(supervisor.lend())
    #expect(stage.launched.count == 2)
  }

  @Test("One that dies idle is replaced before anybody asks")
  func diesIdle() async throws {
    var iterator = news.makeAsyncIterator()
    await supervisor.warmUp()
    #expect(await iterator.next() == .started(pid: 100))
    await stage.launched[0].die(.crashed(.signalled(9)))
    #expect(await iterator.next() == .died(pid: 100, how: "worker died: signal 9 (SIGKILL)"))
    #expect(await iterator.next() == .started(pid: 101))
    #expect(await supervisor.status.restarts == 1)
  }

  @Test("One that dies as soon as it is lent fails in its first row, not before the run")
  func diesLent() async throws {
    let worker = await supervisor.lend()
    await stage.launched[0].die(.crashed(.signalled(9)))
    _ = try await worker.hello(deadline: .seconds(1))
    let request = PrepareRequest(
      workload: "ping-pong", parameters: [:], backend: "native", stack: "64KiB", seed: 1)
    await #expect(throws: ExecutorError.crashed(.signalled(9))) {
      _ = try await worker.prepare(request, deadline: .seconds(1))
    }
  }

  @Test("What cannot be started is lent all the same, and says why")
  func cannotStart() async {
    stage.change { $0.failsToStart = true }
    let worker = await supervisor.lend()
    await #expect(
      throws: ExecutorError.couldNotStart(executable: "fake", reason: "a test wants it so")
    ) {
      _ = try await worker.hello(deadline: .seconds(1))
    }
  }

  @Test("A returned worker is nobody's any more")
  func returned() async throws {
    let worker = await supervisor.lend()
    await worker.bye(deadline: .seconds(1))
    await worker.stop()
    #expect(await supervisor.status.state == .idle)
    await #expect(throws: ExecutorError.stopped) {
      _ = try await worker.hello(deadline: .seconds(1))
    }
  }

  @Test("Closed, it starts none")
  func closed() async {
    await supervisor.warmUp()
    await supervisor.close()
    #expect(await supervisor.status.pid == nil)
    await supervisor.warmUp()
    #expect(stage.launched.count == 1)
  }

  @Test("Waits double from the second failure on, up to a longest one")
  func backOff() {
    var backOff = BackOff(first: .milliseconds(100), longest: .seconds(1))
    let waits = (0..<7).map { _ in backOff.failed() }
    #expect(waits == [0, 100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
    backOff.succeeded()
    #expect(backOff.failed() == .zero)
  }
}
