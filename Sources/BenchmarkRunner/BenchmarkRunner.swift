// The runner: from a scenario to the record of a session.

public import Executor
import Foundation
public import Reports

/// Measures scenarios through executors.
///
/// Knows no workload: everything comes from `hello`.
public struct BenchmarkRunner: Sendable {
  /// The workload that is measured in every block, so that sessions can be compared.
  public static let control = Plan.control

  /// Starts an executor.
  ///
  /// It is asked `hello` next.
  public typealias Launch = @Sendable () async -> any Executing

  /// How long an executor may be silent.
  public struct Deadlines: Hashable, Sendable {
    /// For `hello`.
    public var greeting = Duration.seconds(10)

    /// For `measure`, however short the batches.
    public var measureMin = Duration.seconds(30)

    /// For `measure`: this many times the time that the batches should take.
    public var measureFactor = 20

    /// For `prepare`, `verify`, `memory` and `finish`, which take as long as the workload is big.
    ///
    /// A million stacks of a mapping each take up to half a minute on a busy machine.
    public var other = Duration.seconds(300)

    public init() {}

    func measuring(_ scenario: Scenario) -> Duration {
      let expected = Duration.nanoseconds(scenario.batchNanoseconds) * scenario.batchesPerVisit
      return max(measureMin, expected * measureFactor)
    }
  }

  private let launch: Launch
  private let deadlines: Deadlines
  private let pressure: @Sendable () -> Int?
  private let memoryAvailable: @Sendable () -> Int?
  private let clocks: Clocks

  /// Makes a runner.
  ///
  /// - Parameters:
  ///   - deadlines: How long an executor may be silent.
  ///   - pressure: Reads how many microseconds tasks have waited for a CPU since boot.
  ///   - memoryAvailable: Reads how many bytes of memory can still be had.
  ///   - clocks: Tell when a session began, and whether the time of day was set meanwhile.
  ///   - launch: Starts an executor.
  public init(
    deadlines: Deadlines = Deadlines(),
    pressure: @escaping @Sendable () -> Int? = Pressure.waitedMicroseconds,
    memoryAvailable: @escaping @Sendable () -> Int? = AvailableMemory.bytes,
    clocks: Clocks = Clocks(), launch: @escaping Launch
  ) {
    self.launch = launch
    self.deadlines = deadlines
    self.pressure = pressure
    self.memoryAvailable = memoryAvailable
    self.clocks = clocks
  }

  /// Asks an executor who it is, and lets it go.
  ///
  /// - Returns: Its name, workloads and backends.
  /// - Throws: Why it did not say.
  public func greet() async throws(RunnerError) -> HelloReply {
    let (worker, hello) = try await start()
    await worker.bye(deadline: deadlines.greeting)
    return hello
  }

  /// Measures a scenario.
  ///
  /// A worker that fails costs its row and the block it was in; the other rows go on.
  ///
  /// - Parameters:
  ///   - scenario: What to measure.
  ///   - commandLine: For the record.
  ///   - source: For the record.
  ///   - hooks: What is told meanwhile, and what can end the run.
  /// - Returns: The session, complete or not: its verdict says which.
  /// - Throws: Why nothing was measured at all.
  public func run(
    _ scenario: Scenario, commandLine: String, source: SourceVersion, hooks: RunHooks = RunHooks()
  ) async throws(RunnerError) -> SessionRecord {
    let began = clocks.read()
    let (first, hello) = try await start()
    var plan: Plan
    do {
      plan = try Plan(scenario, with: hello, memoryAvailable: memoryAvailable())
    } catch {
      await first.bye(deadline: deadlines.greeting)
      throw error
    }
    let groups = plan.scenario.groups
    var results: [GroupResult] = []
    let clock = ContinuousClock()
    let end = hooks.timeBudget.map { clock.now + $0 }
    for (index, group) in groups.enumerated() {
      let share = end.map { clock.now + (max($0 - clock.now, .zero)) / (groups.count - index) }
      let run = GroupRun(
        plan: plan, group: group, place: (index, groups.count), worker: index == 0 ? first : nil,
        tools: GroupRun.Tools(
          launch: launch, deadlines: deadlines, pressure: pressure, hooks: hooks, end: share))
      results.append(await run.run())
    }
    let cut = results.filter { $0.blocksLeft > 0 && !$0.interrupted }
    if !cut.isEmpty {
      let left = cut.reduce(0) { $0 + $1.blocksLeft }
      plan.notes.append(
        "the time budget ended \(left) of \(groups.count * plan.scenario.blocks) blocks early")
    }
    if let seconds = Clocks.secondsSet(from: began, to: clocks.read()) {
      let way = seconds > 0 ? "forward" : "back"
      plan.notes.append(
        String(
          format: "the clock was put \(way) by %.1f s meanwhile; the time of the start is in doubt",
          abs(seconds)))
    }
    return Assembly.record(
      results, plan: plan, environment: Environment.fingerprint(runtime: hello.runtime),
      began: began.wall, commandLine: commandLine, source: source)
  }

  /// Compares a scenario with what a worker has, as a run does before it begins.
  ///
  /// Memory is not looked at: how much there is will be known when the run begins.
  ///
  /// - Parameters:
  ///   - scenario: What is to be measured.
  ///   - hello: What the worker has.
  /// - Throws: What is wrong with the scenario.
  public static func check(
    _ scenario: Scenario, with hello: HelloReply
  ) throws(RunnerError) {
    _ = try Plan(scenario, with: hello)
  }

  private func start() async throws(RunnerError) -> (any Executing, HelloReply) {
    let worker = await launch()
    let hello: HelloReply
    do {
      hello = try await worker.hello(deadline: deadlines.greeting)
    } catch {
      await worker.stop()
      throw .worker(error)
    }
    guard hello.version == ExecutorProtocol.version else {
      await worker.stop()
      throw .otherProtocol(theirs: hello.version, ours: ExecutorProtocol.version)
    }
    return (worker, hello)
  }
}
