// A worker process in memory: sound unless a test says otherwise, and gone when a test says so.

import Executor
import Reports
import Synchronization

@testable import DaemonJobs

/// Plays a process of its own.
actor FakeWorker: SupervisedExecutor {
  /// What a test does to the workers.
  final class Stage: Sendable {
    struct State {
      var launched: [FakeWorker] = []
      var measured = 0
      var trouble: [ExecutorError] = []
      var residentBytes = 1 << 20
      var isHeld = false
      var held: [CheckedContinuation<Void, Never>] = []
      var failsToStart = false
    }
    private let state = Mutex(State())

    var launched: [FakeWorker] { state.withLock { $0.launched } }
    var measured: Int { state.withLock { $0.measured } }
    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
    var now: (residentBytes: Int, failsToStart: Bool) {
      state.withLock { ($0.residentBytes, $0.failsToStart) }
    }

    /// The next questions about batches wait until `letGo`.
    func hold() { state.withLock { $0.isHeld = true } }
    func letGo() {
      let held = state.withLock { state in
        state.isHeld = false
        defer { state.held = [] }
        return state.held
      }
      for waiter in held { waiter.resume() }
    }
    func pass() async {
      await withCheckedContinuation { continuation in
        let passes = state.withLock { state in
          guard state.isHeld else { return true }
          state.held.append(continuation)
          return false
        }
        if passes { continuation.resume() }
      }
    }
    func nextTrouble() -> ExecutorError? {
      state.withLock { $0.trouble.isEmpty ? nil : $0.trouble.removeFirst() }
    }
    func launch() -> FakeWorker {
      state.withLock { state in
        let fresh = FakeWorker(self, pid: Int32(100 + state.launched.count))
        state.launched.append(fresh)
        return fresh
      }
    }
  }

  private let stage: Stage
  private(set) var pid: Int32?
  private(set) var questions: [ExecutorRequest.Operation] = []
  private var prepared = 0
  private var ending: ExecutorError?
  private var waiting: [CheckedContinuation<ExecutorError, Never>] = []

  init(_ stage: Stage, pid: Int32) {
    self.stage = stage
    self.pid = pid
  }

  static let hello = HelloReply(
    version: ExecutorProtocol.version, name: "fake", runtime: "fake 1",
    backends: [BackendDescription(name: "native", summary: "", switchesInKernel: false)],
    workloads: [
      WorkloadDescription(name: "ping-pong", summary: "", operation: "switch", parameters: [])
    ],
    stackSources: ["mapped"], monotonicClock: true)

  func ask(
    _ request: ExecutorRequest, deadline: Duration
  ) async throws(ExecutorError) -> ExecutorReply {
    questions.append(request.op)
    if let ending { throw ending }
    if stage.now.failsToStart {
      die(.couldNotStart(executable: "fake", reason: "a test wants it so"))
      throw .couldNotStart(executable: "fake", reason: "a test wants it so")
    }
    var reply = ExecutorReply(id: request.id)
    switch request.op {
    case .hello: reply.hello = Self.hello
    case .prepare:
      prepared += 1
      reply.prepared = PreparedReply(
        handle: prepared, stack: "mapped:64KiB", parameters: [:], operationsPerUnit: 1,
        residentBytesBefore: 0, residentBytesAfter: 0)
    case .measure:
      await stage.pass()
      if let trouble = stage.nextTrouble() { die(trouble) }
      if let ending { throw ending }
      stage.change { $0.measured += 1 }
      reply.batches = Array(
        repeating: Batch(nanoseconds: 1000, operations: 100, cpuNanoseconds: 1000),
        count: request.batches ?? 0)
    case .verify: reply.verified = VerifiedReply(checksum: "42", of: "rounds", matches: true)
    case .memory:
      reply.memory = MemoryReply(
        residentBytes: 1, proportionalBytes: 1, mappings: 1, pageTableBytes: 1,
        bytesPerGreenlet: 4096)
    case .finish:
      reply.finished = FinishedReply(
        leakedGreenlets: 0, leakedStacks: 0, leakedBytes: 0, nanoseconds: 1)
    case .bye: die(.stopped)
    }
    return reply
  }

  func stop() async { die(.stopped) }

  func gone() async -> ExecutorError {
    if let ending { return ending }
    return await withCheckedContinuation { waiting.append($0) }
  }

  /// The process ends.
  func die(_ how: ExecutorError) {
    guard ending == nil else { return }
    ending = how
    pid = nil
    for waiter in waiting { waiter.resume(returning: how) }
    waiting = []
  }
}
