// The n-th operation fails, for every n of a random schedule: nothing may be lost by it.

import Greenlets
import Stacks
import StressKit

#if GB_JEMALLOC
  import JemallocStacks
#endif

/// Makes one operation of a schedule fail, then the next one, until all have failed once.
struct FailingOperation: StressClass {
  let about = StressClassAbout(
    name: "failing-operation",
    injection: "the n-th system call, mapping, stack, switch or suspension fails, for every n",
    expectation: "a typed error, no leak, the pool intact; the same schedule then succeeds",
    goal: "every n, 0 crashes",
    unit: "operations",
    trials: TrialCounts(pr: 6 * Kind.allCases.count, nightly: 300 * Kind.allCases.count))

  enum Kind: String, CaseIterable {
    case systemCall = "system call of the pool"
    case allocation = "mapping of a source"
    case release = "release to a source"
    case stack = "stack"
    case aSwitch = "switch"
    case suspension = "suspension"
    case map = "mapping of jemalloc's hooks"
    case purge = "purge of jemalloc's hooks"
    case arena = "block of a jemalloc arena"

    /// Whether each one is told.
    ///
    /// A pool with a few slabs asks for some at once, and for less where there is no room for much.
    /// jemalloc keeps what is not taken back.
    func isAlwaysTold(slabsMost: Int) -> Bool {
      switch self {
      case .release, .stack, .aSwitch, .suspension: true
      case .systemCall, .allocation: slabsMost < 4
      case .map, .purge, .arena: false
      }
    }
  }

  private static let stepCount = 14

  /// More operations than any schedule has.
  private static let most = 20_000

  func run(_ trial: Trial) throws {
    let kind = Kind.allCases[trial.index % Kind.allCases.count]
    var options = StackPoolOptions()
    options.stackGuard = RandomChoice.stackGuard(&trial.generator)
    options.highWater = Int.random(
      in: EngineBench.highWaterLeast...48, using: &trial.generator)
    options.lowWater = Int.random(in: 1...options.highWater, using: &trial.generator)
    options.returning = Bool.random(using: &trial.generator) ? .now : .lazily
    // Large ones, too: then a few stacks are some slabs.
    let size = ByteCount.kibibytes(16 << Int.random(in: 0...6, using: &trial.generator))
    let usesJemalloc = Bool.random(using: &trial.generator)
    // Without a greenlet there is nothing that could fail.
    let first = BenchStep.start(Int.random(in: 1...8, using: &trial.generator))
    let all = [first] + (1..<Self.stepCount).map { _ in BenchStep(&trial.generator) }
    // At the end memory goes back to its source, or no release would ever fail.
    let steps = trial.steps(of: all.count).map { all[$0] } + [.endAll]
    trial.tell("the n-th \(kind.rawValue); \(size), \(options.stackGuard.rawValue)")
    for step in steps { trial.tell("\(step)") }

    for number in 1...Self.most {
      let injection = try Injection(kind, usesJemalloc: usesJemalloc)
      let pool = StackPool(source: injection.source, stackSize: size, options: options)
      injection.pool = pool
      guard try attempt(injection, number, steps, trial) else {
        // With steps left out there may be none.
        if number == 1, steps.count > all.count {
          throw Finding("a whole schedule without a \(kind.rawValue): nothing was tried")
        }
        return trial.figure("operations of a schedule", Double(number - 1))
      }
      trial.count()
    }
    throw Finding("a schedule of \(steps.count) steps has more than \(Self.most) operations")
  }

  /// Makes a schedule once with the fault and once without.
  ///
  /// - Returns: Whether there was such an operation.
  private func attempt(
    _ injection: Injection, _ number: Int, _ steps: [BenchStep], _ trial: Trial
  ) throws -> Bool {
    guard let pool = injection.pool else { preconditionFailure("an injection without a pool") }
    let bench = EngineBench(pool)
    injection.arm(number)
    defer { injection.disarm() }
    var slabsMost = 0
    for step in steps {
      try bench.make(step)
      slabsMost = max(slabsMost, pool.counters.slabs)
    }
    try injection.purge()
    let hasHappened = injection.hasHappened
    // A suspension that throws does so when it ends.
    if hasHappened, injection.kind == .suspension { try bench.askAll() }
    injection.disarm()
    let isTold = !bench.takeErrors().isEmpty || pool.counters.trimsFailed > 0
    if hasHappened && !isTold && injection.kind.isAlwaysTold(slabsMost: slabsMost) {
      throw Finding("\(injection.kind.rawValue) \(number) failed, and nobody was told")
    }
    if isTold && !hasHappened {
      throw Finding("an error, though \(injection.kind.rawValue) \(number) did not fail")
    }
    try bench.check(trial)
    for step in steps { try bench.make(step) }
    if let error = bench.takeErrors().first {
      throw Finding("after \(injection.kind.rawValue) \(number) had failed: \(error)")
    }
    try bench.check(trial)
    try bench.end(trial)
    return hasHappened
  }
}

/// What is to fail, and whether it did.
private final class Injection {
  let kind: FailingOperation.Kind
  let source: FaultySource
  var pool: StackPool?

  #if GB_JEMALLOC
    private let arena: JemallocArena?
  #endif

  init(_ kind: FailingOperation.Kind, usesJemalloc: Bool) throws {
    self.kind = kind
    let needsArena = kind == .map || kind == .purge || kind == .arena
    #if GB_JEMALLOC
      if needsArena || usesJemalloc {
        let jemalloc = try JemallocStackSource()
        (arena, source) = (jemalloc.arena, FaultySource(inner: jemalloc))
      } else {
        (arena, source) = (nil, FaultySource(inner: MappedStackSource()))
      }
    #else
      if needsArena { throw Skip("jemalloc's hooks; build with jemalloc") }
      source = FaultySource(inner: MappedStackSource())
    #endif
  }

  func arm(_ number: Int) {
    var faults = GreenletFaults()
    faults.error = EngineBench.Injected()
    switch kind {
    case .systemCall: pool?.failingCall = number
    case .allocation: source.faults.change { $0.failingAllocation = number }
    case .release: source.faults.change { $0.failingFree = number }
    case .stack: faults.failingStack = number
    case .aSwitch: faults.failingSwitch = number
    case .suspension: faults.throwingSuspension = number
    case .map, .purge, .arena:
      #if GB_JEMALLOC
        arena?.fail(kind == .map ? .map : kind == .purge ? .purge : .allocation, first: number)
      #endif
    }
    GreenletFaults.ofThisThread = faults
  }

  var hasHappened: Bool {
    let faults = GreenletFaults.ofThisThread
    switch kind {
    case .systemCall: return pool?.failingCall == 0
    case .allocation: return source.faults.change { $0.failingAllocation } == 0
    case .release: return source.faults.change { $0.failingFree } == 0
    case .stack: return faults.failingStack == nil
    case .aSwitch: return faults.failingSwitch == nil
    case .suspension: return faults.throwingSuspension == nil
    case .arena: return source.faults.change { $0.refused } > 0
    case .map, .purge:
      #if GB_JEMALLOC
        guard let counts = arena?.counts else { return false }
        return (kind == .map ? counts.failedMaps : counts.failedPurges) > 0
      #else
        return false
      #endif
    }
  }

  /// Has jemalloc give back at once what it would keep for a while.
  func purge() throws {
    #if GB_JEMALLOC
      try arena?.purge()
    #endif
  }

  func disarm() {
    pool?.failingCall = 0
    source.faults.change { ($0.failingAllocation, $0.failingFree) = (0, 0) }
    GreenletFaults.ofThisThread = GreenletFaults()
    #if GB_JEMALLOC
      arena?.stopFailing()
    #endif
  }
}
