// Rows measured together: prepared in one worker, visited in mirrored blocks, then verified.

import Executor
import Reports

/// What became of a group.
struct GroupResult {
  var participants: [Participant]
  var interrupted: Bool

  /// Blocks that were asked for and not measured, since the time was over.
  var blocksLeft: Int
}

/// Measures one group.
final class GroupRun {
  /// What the runner lends.
  struct Tools {
    let launch: BenchmarkRunner.Launch
    let deadlines: BenchmarkRunner.Deadlines
    let pressure: @Sendable () -> Int?
    let hooks: RunHooks

    /// When no further block is begun.
    let end: ContinuousClock.Instant?
  }

  private let tools: Tools
  private let scenario: Scenario
  private let place: (index: Int, of: Int)
  private var worker: (any Executing)?
  private var participants: [Participant] = []
  private var interrupted = false
  private var complete = 0
  private let clock = ContinuousClock()

  init(
    plan: Plan, group: Scenario.Group, place: (index: Int, of: Int),
    worker: (any Executing)?, tools: Tools
  ) {
    self.tools = tools
    self.place = place
    self.worker = worker
    scenario = plan.scenario
    participants = plan.backends.map { backend in
      Participant(
        PrepareRequest(
          workload: plan.scenario.workload, parameters: group.parameters, backend: backend.name,
          stack: group.stack, seed: plan.scenario.seed),
        switchesInKernel: backend.switchesInKernel, isControl: false)
    }
    if plan.hasControl, let backend = plan.backends.first {
      participants.append(
        Participant(
          PrepareRequest(
            workload: Plan.control, parameters: [:], backend: backend.name, stack: group.stack,
            seed: plan.scenario.seed),
          switchesInKernel: backend.switchesInKernel, isControl: true))
    }
  }

  func run() async -> GroupResult {
    await prepareAll()
    // Numbers are unique in the session: only rows of one group ran next to each other. A block
    // that a failure spoilt is repeated under the next number; each one costs a row, so at most
    // as many are added as there are participants.
    var number = place.index * (scenario.blocks + participants.count)
    while complete < scenario.blocks, !interrupted, hasRunningRows, !isOver {
      if await measureBlock(number) { complete += 1 }
      number += 1
    }
    // The control, too: a worker that has something left in it cannot serve the next run.
    for index in participants.indices { await close(index) }
    if let worker { await worker.bye(deadline: tools.deadlines.greeting) }
    worker = nil
    if interrupted {
      for index in participants.indices { participants[index].interrupt() }
    }
    return GroupResult(
      participants: participants, interrupted: interrupted,
      blocksLeft: isOver ? scenario.blocks - complete : 0)
  }

  private var isOver: Bool {
    guard let end = tools.end, complete > 0 else { return false }
    return clock.now >= end
  }

  private var running: [Int] {
    participants.indices.filter { participants[$0].state == .running }
  }

  private var hasRunningRows: Bool {
    participants.contains { $0.state == .running && !$0.isControl }
  }

  // MARK: Preparing

  /// Prepares every running participant, starting a worker where there is none.
  ///
  /// A worker that fails here takes one participant with it, so this ends.
  private func prepareAll() async {
    while !interrupted, hasRunningRows {
      if worker == nil, await !startWorker() { continue }
      if await prepareEach() { return }
    }
  }

  private func prepareEach() async -> Bool {
    for index in running {
      if worker == nil || interrupted { return false }
      let request = participants[index].request
      let deadline = tools.deadlines.other
      let reply = await ask(index, .preparing, "preparing") { worker throws(ExecutorError) in
        try await worker.prepare(request, deadline: deadline)
      }
      if let reply { participants[index].prepared(reply) }
    }
    return worker != nil
  }

  private func startWorker() async -> Bool {
    if tools.hooks.shouldStop() {
      interrupted = true
      return false
    }
    let fresh = await tools.launch()
    do {
      _ = try await fresh.hello(deadline: tools.deadlines.greeting)
      worker = fresh
      return true
    } catch {
      await fresh.stop()
      if let next = running.first { participants[next].failed(error, while: "preparing") }
      return false
    }
  }

  // MARK: Measuring

  /// Measures one block; false when a failure or Ctrl-C spoilt it for all.
  private func measureBlock(_ number: Int) async -> Bool {
    let active = running
    let visits = BlockOrder.visits(count: active.count, seed: scenario.seed, number: number)
    var measured = [Measured](repeating: Measured(), count: active.count)
    for visit in visits {
      guard let batches = await measure(active[visit], &measured[visit]) else { return false }
      measured[visit].batches += batches
    }
    var told: [(backend: String, block: MeasuredBlock)] = []
    for (slot, index) in active.enumerated() {
      let block = MeasuredBlock(
        number: number, position: visits.firstIndex(of: slot) ?? 0,
        batches: measured[slot].batches, pressure: measured[slot].pressure)
      participants[index].blocks.append(block)
      if !participants[index].isControl {
        told.append((participants[index].request.backend, block))
      }
    }
    tools.hooks.blockDone(place.index + 1, told)
    return true
  }

  private struct Measured {
    var batches: [Batch] = []
    var waitedMicroseconds = 0
    var elapsed = Duration.zero

    var pressure: Double {
      let microseconds = elapsed / .microseconds(1)
      return microseconds > 0 ? min(1, Double(waitedMicroseconds) / microseconds) : 0
    }
  }

  private func measure(_ index: Int, _ measured: inout Measured) async -> [Batch]? {
    guard let handle = participants[index].handle else { return nil }
    let batches = scenario.batchesPerVisit
    let nanoseconds = scenario.batchNanoseconds
    let deadline = tools.deadlines.measuring(scenario)
    let waited = tools.pressure()
    let start = clock.now
    let reply = await ask(index, .measuring, "measuring") { worker throws(ExecutorError) in
      try await worker.measure(
        handle, batches: batches, batchNanoseconds: nanoseconds, deadline: deadline)
    }
    measured.elapsed += clock.now - start
    if let waited, let now = tools.pressure() { measured.waitedMicroseconds += now - waited }
    if reply == nil, worker == nil { await prepareAll() }
    return reply
  }

  // MARK: Closing

  private func close(_ index: Int) async {
    guard participants[index].state == .running, !interrupted,
      let handle = participants[index].handle
    else { return }
    let deadline = tools.deadlines.other
    let verified = await ask(index, .verifying, "verifying") { worker throws(ExecutorError) in
      try await worker.verify(handle, deadline: deadline)
    }
    if let verified,
      let memory = await ask(
        index, .verifying, "asking for the memory of",
        { worker throws(ExecutorError) in try await worker.memory(handle, deadline: deadline) }),
      let left = await ask(
        index, .verifying, "finishing",
        { worker throws(ExecutorError) in try await worker.finish(handle, deadline: deadline) })
    {
      participants[index].close(verified, memory, left)
    } else if worker == nil {
      await prepareAll()
    }
  }

  // MARK: Asking

  /// Asks the worker on behalf of a participant, who fails when there is no answer.
  ///
  /// - Returns: The answer; nil when the participant failed or the run is to stop. `worker` is nil
  ///   afterwards when the worker is gone.
  private func ask<Answer>(
    _ index: Int, _ phase: RunProgress.Phase, _ doing: String,
    _ question: (any Executing) async throws(ExecutorError) -> Answer
  ) async -> Answer? {
    if tools.hooks.shouldStop() { interrupted = true }
    guard !interrupted, let worker else { return nil }
    tools.hooks.progress(
      RunProgress(
        phase: phase, workload: participants[index].request.workload,
        backend: participants[index].request.backend, group: place.index + 1, groups: place.of,
        block: complete, blocks: scenario.blocks))
    do {
      return try await question(worker)
    } catch {
      participants[index].failed(error, while: doing)
      if case .refused = error { return nil }
      await worker.stop()
      self.worker = nil
      for other in participants.indices { participants[other].handle = nil }
      return nil
    }
  }
}
