// The runner against executors in memory: order, failures of one row, Ctrl-C.

import BenchmarkRunner
import Executor
import Reports
import Synchronization
import Testing

@Suite("The runner")
struct RunnerTests {
  private static let source = SourceVersion(
    commit: "unknown", dirty: false, branch: "unknown", build: "unknown")

  /// What a clock shows.
  private final class Reading: Sendable {
    private let nanoseconds: Atomic<Int>
    var value: Int {
      get { nanoseconds.load(ordering: .relaxed) }
      set { nanoseconds.store(newValue, ordering: .relaxed) }
    }
    init(_ value: Int) { nanoseconds = Atomic(value) }
  }

  private func scenario(_ parameters: [String: [Int]] = [:]) -> Scenario {
    Scenario(
      workload: "ping-pong", backends: ["native", "ucontext", "thread"], parameters: parameters,
      blocks: 8, batchesPerVisit: 2, seed: 7)
  }

  private func run(
    _ scenario: Scenario, _ log: FakeExecutor.Log = FakeExecutor.Log(),
    trouble: @escaping FakeExecutor.Trouble = { _, _ in nil },
    shouldStop: @escaping @Sendable () -> Bool = { false },
    clocks: Clocks = Clocks(wall: { 0 }, steady: { 0 })
  ) async throws(RunnerError) -> SessionRecord {
    let launch: BenchmarkRunner.Launch = {
      _ = await log.started()
      return FakeExecutor(log, trouble: trouble)
    }
    let runner = BenchmarkRunner(pressure: { nil }, clocks: clocks, launch: launch)
    return try await runner.run(
      scenario, commandLine: "test", source: Self.source, hooks: RunHooks(shouldStop: shouldStop))
  }

  @Test("A sound run has every block of every row, and the control's")
  func sound() async throws {
    let log = FakeExecutor.Log()
    let record = try await run(scenario(), log)
    #expect(record.report.verdict == .ok)
    #expect(record.report.exit == 0)
    #expect(record.report.rows.map(\.backend) == ["native", "ucontext", "thread"])
    for (row, measurement) in zip(record.report.rows, record.measurements) {
      #expect(row.status == .ok)
      #expect(row.verified)
      #expect(row.checksum == "42")
      #expect(row.stack == "mapped:64KiB")
      #expect(row.bytesPerGreenlet == 4096)
      #expect(row.blocks == 8)
      #expect(row.operations == 8 * 4 * 100)
      #expect(measurement.blocks.map(\.number) == Array(0..<8))
      #expect(measurement.blocks.allSatisfy { $0.batches.count == 4 })
    }
    #expect(record.measurements.map(\.switchesInKernel) == [false, false, true])
    #expect(record.control?.blocks.count == 8)
    #expect(await log.executors == 1)
    #expect(await log.lines.last == "bye -")
  }

  @Test(
    "A clock that is set while something is measured is told",
    arguments: [(3600, "forward by 3600.0 s"), (-3600, "back by 3600.0 s"), (-1, "back by 1.0 s")])
  func clockIsSet(seconds: Int, words: String) async throws {
    let wall = Reading(5_000_000_000)
    let setsClock: FakeExecutor.Trouble = { request, _ in
      if request.op == .verify { wall.value = (5 + seconds) * 1_000_000_000 }
      return nil
    }
    let record = try await run(
      scenario(), trouble: setsClock, clocks: Clocks(wall: { wall.value }, steady: { 0 }))
    #expect(record.report.notes.count == 1)
    #expect(record.report.notes.first?.contains(words) == true, "\(record.report.notes)")
    #expect(record.startedUnixNanoseconds == 5_000_000_000)
    #expect(try await run(scenario()).report.notes.isEmpty)
  }

  @Test("A control that dies is told and stored with what it measured, and costs no row")
  func controlDies() async throws {
    let record = try await run(scenario()) { request, about in
      request.op == .verify && about?.workload == "control" ? .crashed(.signalled(9)) : nil
    }
    #expect(record.report.exit == 0)
    #expect(record.report.rows.allSatisfy { $0.status == .ok })
    #expect(record.controlFailure?.status == .crashed)
    let failure = "worker died: signal 9 (SIGKILL) while verifying the control"
    #expect(record.controlFailure?.failure == failure)
    #expect(record.report.notes == ["the control failed: " + failure])
    #expect(record.control?.blocks.count == 8)
  }

  @Test("Every block is a palindrome, and the seed gives the same order again")
  func order() async throws {
    let logs = [FakeExecutor.Log(), FakeExecutor.Log(), FakeExecutor.Log()]
    _ = try await run(scenario(), logs[0])
    _ = try await run(scenario(), logs[1])
    var other = scenario()
    other.seed = 8
    _ = try await run(other, logs[2])
    let visits = await logs[0].measured()
    #expect(visits.count == 8 * 2 * 4)
    for start in stride(from: 0, to: visits.count, by: 8) {
      let block = Array(visits[start..<(start + 8)])
      #expect(block == block.reversed())
      #expect(Set(block).count == 4)
    }
    #expect(await logs[1].measured() == visits)
    #expect(await logs[2].measured() != visits)
  }

  @Test("A crash costs its row; the others have all their blocks")
  func crash() async throws {
    let log = FakeExecutor.Log()
    let count = Atomic(0)
    let record = try await run(scenario(), log) { request, about in
      guard request.op == .measure, about?.backend == "ucontext" else { return nil }
      return count.add(1, ordering: .relaxed).newValue == 6 ? .crashed(.signalled(9)) : nil
    }
    let rows = record.report.rows
    #expect(rows.map(\.status) == [.ok, .crashed, .ok])
    #expect(rows[1].failure == "worker died: signal 9 (SIGKILL) while measuring ucontext")
    #expect(rows.map(\.blocks) == [8, 2, 8])
    #expect(rows.map(\.verified) == [true, false, true])
    #expect(record.measurements[0].blocks.map(\.number) == [0, 1, 3, 4, 5, 6, 7, 8])
    #expect(record.report.exit == 3)
    #expect(record.report.verdict == .failed)
    #expect(await log.executors == 2)
  }

  @Test(
    "Each way of failing has its status",
    arguments: [
      (ExecutorError.hung(deadline: .seconds(1)), Row.Status.hung),
      (.garbled("x"), .garbled), (.refused(ExecutorFault(.badStack, "no")), .failed),
    ])
  func statuses(error: ExecutorError, status: Row.Status) async throws {
    for op in [ExecutorRequest.Operation.prepare, .measure, .verify, .memory, .finish] {
      let record = try await run(scenario()) { request, about in
        request.op == op && about?.backend == "thread" ? error : nil
      }
      #expect(record.report.rows.map(\.status) == [.ok, .ok, status], "at \(op)")
    }
  }

  @Test("A wrong checksum or a leak voids the row", arguments: [13, 14, 15])
  func unverified(rounds: Int) async throws {
    let record = try await run(scenario(["rounds": [rounds]]))
    for row in record.report.rows {
      #expect(row.status == .unverified)
      #expect(!row.verified)
      let failure = [
        13: "checksum 42 of rounds is not the oracle's", 14: "leaked 2 greenlets and 0 stacks",
        15: "leaked 64 bytes that its coroutines held",
      ][rounds]
      #expect(row.failure == failure)
    }
    #expect(record.report.exit == 3)
  }

  @Test("Ctrl-C keeps complete blocks and marks the rows")
  func interrupted() async throws {
    let asked = Atomic(0)
    // 4 preparations, then 8 questions a block: the third block is cut short.
    let record = try await run(
      scenario(), shouldStop: { asked.add(1, ordering: .relaxed).newValue > 4 + 8 * 2 + 3 })
    #expect(record.report.exit == 130)
    #expect(record.report.verdict == .interrupted)
    #expect(record.report.rows.allSatisfy { $0.status == .interrupted && $0.blocks == 2 })
  }

  @Test("A run without time left measures a block of every group, verified, and says so")
  func timeBudget() async throws {
    let log = FakeExecutor.Log()
    let runner = BenchmarkRunner(pressure: { nil }, launch: { FakeExecutor(log) })
    let record = try await runner.run(
      scenario(["rounds": [10, 20]]), commandLine: "test", source: Self.source,
      hooks: RunHooks(timeBudget: .zero))
    #expect(record.report.exit == 0)
    #expect(record.report.rows.count == 6)
    #expect(record.report.rows.allSatisfy { $0.blocks == 1 && $0.verified })
    #expect(record.report.notes == ["the time budget ended 14 of 16 blocks early"])
  }

  @Test("Every block is asked for, then told with what its rows measured")
  func blockHooks() async throws {
    let log = FakeExecutor.Log()
    let runner = BenchmarkRunner(pressure: { nil }, launch: { FakeExecutor(log) })
    let told = Mutex([[String]]())
    _ = try await runner.run(
      scenario(), commandLine: "test", source: Self.source,
      hooks: RunHooks(
        blockDone: { group, rows in
          #expect(group == 1)
          #expect(rows.allSatisfy { $0.block.batches.count == 4 })
          told.withLock { $0.append(rows.map(\.backend)) }
        }))
    #expect(
      told.withLock { $0 } == Array(repeating: ["native", "ucontext", "thread"], count: 8))
  }

  @Test("Lists make groups with block numbers of their own")
  func groups() async throws {
    var matrix = scenario(["rounds": [10, 20]])
    matrix.stacks = ["16KiB", "64KiB"]
    let record = try await run(matrix)
    #expect(record.report.rows.count == 12)
    #expect(record.report.rows[3].stack == "mapped:64KiB")
    let numbers = [0, 3, 6, 9].map { Set(record.measurements[$0].blocks.map(\.number)) }
    #expect(Set(numbers.joined()).count == 4 * 8)
  }

  @Test(
    "Names and numbers are checked before anything is measured",
    arguments: [
      (["ping-pon"], "unknown workload ping-pon; did you mean ping-pong?"),
      (["backend", "nativ"], "unknown backend nativ; did you mean native?"),
      (["parameter", "round"], "ping-pong has no parameter round; did you mean rounds?"),
      (["range", "0"], "ping-pong's rounds is 0; choose from 1 to 1000"),
      (["stack", "maped:64KiB"], "unknown stack source maped; did you mean mapped?"),
      (["stack", "64"], "the stack is `64`; write a size, as in 64KiB or 1MiB"),
    ])
  func usage(wrong: [String], text: String) async {
    var scenario = scenario()
    switch wrong[0] {
    case "backend": scenario.backends = [wrong[1]]
    case "parameter": scenario.parameters = [wrong[1]: [1]]
    case "range": scenario.parameters = ["rounds": [0]]
    case "stack": scenario.stacks = [wrong[1]]
    default: scenario.workload = wrong[0]
    }
    let log = FakeExecutor.Log()
    do {
      _ = try await run(scenario, log)
      Issue.record("nothing was thrown")
    } catch {
      #expect(error.description == text)
      #expect(error.exitCode == 64)
    }
    #expect(await log.measured().isEmpty)
  }

  @Test("A worker that fails at hello ends the run")
  func noHello() async {
    do {
      _ = try await run(scenario()) { request, _ in
        request.op == .hello ? .crashed(.exited(1)) : nil
      }
      Issue.record("nothing was thrown")
    } catch {
      #expect(error == .worker(.crashed(.exited(1))))
      #expect(error.exitCode == 1)
    }
  }
}
