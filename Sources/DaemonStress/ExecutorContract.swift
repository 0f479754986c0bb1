// The protocol's other side, ours or a user's own: right questions, wrong ones, and deaths between.

import Executor
import Foundation
import Reports
import StressKit

/// Asks an executor in random order, and looks at every answer.
///
/// The executor is this program's worker, or the one that `stress run --worker` names: that is how a
/// backend of somebody else's is put to the test.
struct ExecutorContract: StressClass {
  let about = StressClassAbout(
    name: "executor",
    injection: "right and wrong questions in random order, SIGKILL between them",
    expectation:
      "each is answered as the protocol says, the same one alike; checksums of workloads that are known "
      + "here are right, nothing leaks",
    goal: "every answer right",
    unit: "answers",
    trials: TrialCounts(pr: 8, nightly: 200))

  /// Generous: whoever shares the machine may have all of it for a while.
  private static let deadline = Duration.seconds(30)

  /// Nothing here is measured, so a batch is as short as a workload takes it.
  private static let batchNanoseconds = 20_000

  enum Step: CaseIterable {
    case run, unknownWorkload, unknownBackend, unknownParameter, outOfRange, badStack
    case noSuchHandle, finishedTwice, otherVersion, killed
  }

  func run(_ trial: Trial) throws {
    let path = trial.executor
    let drawn = (0..<12).map { _ in
      (
        step: Bool.random(using: &trial.generator)
          ? .run : Step.allCases.randomElement(using: &trial.generator) ?? .run,
        generator: TrialGenerator(seed: trial.generator.next())
      )
    }
    let kept = trial.steps(of: drawn.count).map { drawn[$0] }
    let told = try Waiting.forResult {
      let conversation = Conversation(path: path)
      do {
        for (step, generator) in kept { try await conversation.make(step, generator) }
        try await conversation.end()
      } catch {
        let said = await conversation.abandon()
        let failure = (error as? ExecutorError)?.sentence(of: path) ?? "\(error)"
        return Told(steps: await conversation.told, answers: 0, failure: failure, said: said)
      }
      return Told(steps: await conversation.told, answers: await conversation.answers)
    }
    for step in told.steps { trial.tell(step) }
    if !told.said.isEmpty { trial.attach("stderr", told.said.joined(separator: "\n")) }
    if let failure = told.failure { throw Finding(failure) }
    trial.count(told.answers)
  }

  private struct Told: Sendable {
    let steps: [String]
    let answers: Int
    var failure: String?

    /// What a failing executor said last.
    var said: [String] = []
  }

  /// One executor after another, as they are killed.
  private actor Conversation {
    private let path: String
    private var worker: WorkerProcess?
    private var hello: HelloReply?
    private(set) var told: [String] = []
    private(set) var answers = 0

    init(path: String) { self.path = path }

    func make(_ step: Step, _ generator: TrialGenerator) async throws {
      var generator = generator
      let hello = try await greeted()
      switch step {
      case .run: try await runOne(hello, &generator, finishesTwice: false)
      case .finishedTwice: try await runOne(hello, &generator, finishesTwice: true)
      case .unknownWorkload:
        try await refused("prepare of no workload", .unknownWorkload) {
          $0.workload = "no-such-workload"
        }
      case .unknownBackend:
        try await refused("prepare on no backend", .unknownBackend) {
          $0.backend = "no-such-backend"
        }
      case .unknownParameter:
        try await refused("prepare with no such parameter", .unknownParameter) {
          $0.parameters["no-such-parameter"] = 1
        }
      case .outOfRange:
        guard let (workload, parameter) = Self.bounded(hello) else { return }
        try await refused("prepare out of range", .outOfRange) {
          $0.workload = workload
          $0.parameters = [parameter.name: parameter.most + 1]
        }
      case .badStack:
        try await refused("prepare on a stack of no size", .badStack) {
          $0.stack = "no-source:1KiB"
        }
      case .noSuchHandle:
        let handle = Int.random(in: 1_000_000...2_000_000, using: &generator)
        told.append("measure handle \(handle)")
        try await refusal(.noSuchHandle) { worker in
          _ = try await worker.measure(
            handle, batches: 1, batchNanoseconds: 20_000, deadline: ExecutorContract.deadline)
        }
      case .otherVersion:
        told.append("hello of version 999")
        var request = ExecutorRequest(id: 0, op: .hello)
        request.version = 999
        let wrong = request
        try await refusal(.version) { worker in
          _ = try await worker.ask(wrong, deadline: ExecutorContract.deadline)
        }
      case .killed:
        told.append("SIGKILL")
        try await killed()
      }
    }

    func end() async throws {
      guard let worker else { return }
      await worker.stop()
      self.worker = nil
    }

    /// Ends the executor that failed.
    ///
    /// - Returns: What it said last on its standard error.
    func abandon() async -> [String] {
      await worker?.stop()
      return await worker?.said ?? []
    }

    private func greeted() async throws -> HelloReply {
      if let hello { return hello }
      told.append("hello")
      let started = await WorkerProcess.launch(path)
      worker = started
      let reply = try await started.hello(deadline: ExecutorContract.deadline)
      guard reply.version == ExecutorProtocol.version else {
        throw Finding("hello is of version \(reply.version)")
      }
      guard !reply.backends.isEmpty, !reply.workloads.isEmpty else {
        throw Finding("hello names no backend, or no workload")
      }
      answers += 1
      hello = reply
      return reply
    }

    /// Prepares, measures, verifies, looks at memory and finishes.
    private func runOne(
      _ hello: HelloReply, _ generator: inout TrialGenerator, finishesTwice: Bool
    ) async throws {
      // Large ones have their own place; here many are made.
      let workloads = hello.listedWorkloads.filter { ($0.liveBytes([:]) ?? 0) < 64 << 20 }
      guard let workload = workloads.randomElement(using: &generator),
        let backend = hello.backends.randomElement(using: &generator), let worker
      else { return }
      let live = workload.liveCount([:]) ?? 1
      if let most = backend.coroutinesMost, live > most { return }
      told.append("prepare \(workload.name) on \(backend.name)")
      let wanted = PrepareRequest(
        workload: workload.name, parameters: [:], backend: backend.name, stack: "64KiB",
        seed: generator.next())
      let deadline = ExecutorContract.deadline
      let prepared: PreparedReply
      do {
        prepared = try await worker.prepare(wanted, deadline: deadline)
      } catch {
        // A stack too small for the workload is refused by name: that is right, too.
        guard Self.code(of: error) == .badStack else { throw error }
        answers += 1
        return
      }
      let check = AnswerCheck(executor: hello.name, wanted: wanted, prepared: prepared)
      try check.checkPrepared()
      let batches = Int.random(in: 1...5, using: &generator)
      told.append("verify, measure \(batches) batches, verify twice, memory, finish")
      let first = try await worker.verify(prepared.handle, deadline: deadline)
      try check.check(first, measured: 0)
      let measured = try await worker.measure(
        prepared.handle, batches: batches,
        batchNanoseconds: ExecutorContract.batchNanoseconds, deadline: deadline)
      let units = try check.units(of: measured)
      let verified = try await worker.verify(prepared.handle, deadline: deadline)
      try check.check(verified, measured: units)
      try check.check(
        try await worker.verify(prepared.handle, deadline: deadline), isAs: verified)
      try check.check(try await worker.memory(prepared.handle, deadline: deadline))
      try check.check(try await worker.finish(prepared.handle, deadline: deadline))
      told.append("prepare the same, verify, finish")
      let again = try await worker.prepare(wanted, deadline: deadline)
      try check.check(try await worker.verify(again.handle, deadline: deadline), isAs: first)
      try check.check(try await worker.finish(again.handle, deadline: deadline))
      answers += 10
      guard finishesTwice else { return }
      told.append("finish again")
      try await refusal(.noSuchHandle) { worker in
        _ = try await worker.finish(prepared.handle, deadline: deadline)
      }
    }

    private func refused(
      _ what: String, _ code: ExecutorFault.Code, _ change: (inout PrepareRequest) -> Void
    ) async throws {
      told.append(what)
      guard let hello, let workload = hello.listedWorkloads.first,
        let backend = hello.backends.first
      else { return }
      var request = PrepareRequest(
        workload: workload.name, parameters: [:], backend: backend.name, stack: "64KiB", seed: 1)
      change(&request)
      let wrong = request
      try await refusal(code) { worker in
        _ = try await worker.prepare(wrong, deadline: ExecutorContract.deadline)
      }
    }

    private func refusal(
      _ code: ExecutorFault.Code, _ ask: (WorkerProcess) async throws -> Void
    ) async throws {
      guard let worker else { return }
      do {
        try await ask(worker)
      } catch {
        guard let found = Self.code(of: error) else { throw error }
        guard found == code else {
          throw Finding("refused as \(found.rawValue), not as \(code.rawValue): \(error)")
        }
        answers += 1
        return
      }
      throw Finding("not refused, though it should be as \(code.rawValue)")
    }

    private static func code(of error: any Error) -> ExecutorFault.Code? {
      guard let error = error as? ExecutorError, case .refused(let fault) = error else {
        return nil
      }
      return fault.code
    }

    private func killed() async throws {
      guard let worker, await worker.pid != nil else { return }
      await worker.kill()
      let ending = await worker.gone()
      guard case .crashed(.signalled(SIGKILL), _) = ending else {
        throw Finding("killed by SIGKILL, and told as: \(ending.fact)")
      }
      answers += 1
      (self.worker, hello) = (nil, nil)
    }

    private static func bounded(
      _ hello: HelloReply
    ) -> (workload: String, ParameterDescription)? {
      for workload in hello.listedWorkloads {
        if let parameter = workload.parameters.first(where: { $0.most < .max }) {
          return (workload.name, parameter)
        }
      }
      return nil
    }
  }
}
