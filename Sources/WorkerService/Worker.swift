// The worker's side of the executor protocol: answers one request at a time.

import CContexts
import Greenlets
import Measurement
public import Reports
import Stacks
import WorkloadKit

#if GB_JEMALLOC
  import JemallocStacks
#endif

/// Prepares workloads, runs batches of them and tells what they did.
///
/// Decides nothing.
public final class Worker {
  private var prepared: [Int: Prepared] = [:]
  private var nextHandle = 1
  private let recorder = BatchRecorder()

  private struct Prepared {
    let entry: BackendEntry
    let program: Program
    let running: RunningProgram
    let parameters: Parameters
    let stack: StackChoice
    let pool: StackPool

    /// By how many bytes the process grew meanwhile.
    let growth: Int
    let quarantinedBefore = EngineCounters.quarantined
    var unitsDone = 0
    var unitsPerBatch: [Int: Int] = [:]
  }

  public init() {}

  /// Answers one request.
  ///
  /// - Returns: The part that the operation asks for, or an error.
  public func answer(_ request: ExecutorRequest) -> ExecutorReply {
    var reply = ExecutorReply(id: request.id)
    do {
      switch request.op {
      case .hello: reply.hello = try hello(request)
      case .prepare: reply.prepared = try prepare(request)
      case .measure: reply.batches = try measure(request)
      case .verify: reply.verified = try verify(request)
      case .memory: reply.memory = try memory(request)
      case .finish: reply.finished = try finish(request)
      case .bye: break
      }
    } catch let fault as ExecutorFault {
      reply.error = fault
    } catch {
      reply.error = ExecutorFault(.failed, "\(error)")
    }
    return reply
  }

  private func hello(_ request: ExecutorRequest) throws -> HelloReply {
    guard request.version == ExecutorProtocol.version else {
      throw ExecutorFault(
        .version,
        "this worker speaks protocol \(ExecutorProtocol.version); use a runner of the same version")
    }
    return HelloReply(
      version: ExecutorProtocol.version, name: KnownWorkloads.executor, runtime: "Swift",
      backends: Catalogue.backends.map(\.description), workloads: Catalogue.workloads,
      stackSources: StackChoice.sources, stackBytesLeast: StackChoice.least.bytes,
      stackBytesMost: StackChoice.most.bytes, monotonicClock: true)
  }

  private func prepare(_ request: ExecutorRequest) throws -> PreparedReply {
    guard let asked = request.prepare else {
      throw ExecutorFault(.malformed, "prepare without its part; send what to prepare")
    }
    guard let entry = Catalogue.backends.first(where: { $0.description.name == asked.backend })
    else { throw ExecutorFault(.unknownBackend, "unknown backend \"\(asked.backend)\"") }
    guard let program = entry.programs.first(where: { $0.description.name == asked.workload })
    else { throw ExecutorFault(.unknownWorkload, "unknown workload \"\(asked.workload)\"") }
    let parameters = try Self.complete(asked.parameters, of: program.description)
    let stack = try StackChoice(parsing: asked.stack)

    try Self.refuseCrowd(parameters, of: program.description, on: entry.description)
    // Its coroutines have no name of their own, should one overflow.
    OverflowReport.describeThread(as: program.description.name)
    let pool = try stack.makeMeasuredPool()
    try Self.settle()
    let before = ProcessMemory.now().resident
    let setting = Parameters(parameters, seed: asked.seed)
    var made: RunningProgram?
    let batch = try recorder.record(operations: 1) { made = try program.prepare(setting, pool) }
    guard let running = made else { preconditionFailure("prepared, and nothing is there") }
    let after = ProcessMemory.now().resident
    defer { nextHandle += 1 }
    prepared[nextHandle] = Prepared(
      entry: entry, program: program, running: running, parameters: setting, stack: stack,
      pool: pool, growth: after - before)
    var reply = PreparedReply(
      handle: nextHandle, stack: stack.description, parameters: parameters,
      operationsPerUnit: running.operationsPerUnit, residentBytesBefore: before,
      residentBytesAfter: after)
    reply.nanoseconds = batch.nanoseconds
    reply.minorFaults = batch.minorFaults
    reply.majorFaults = batch.majorFaults
    return reply
  }

  private static func refuseCrowd(
    _ parameters: [String: Int], of workload: WorkloadDescription, on backend: BackendDescription
  ) throws(ExecutorFault) {
    guard let most = backend.coroutinesMost, let count = workload.liveCount(parameters),
      count > most
    else { return }
    throw ExecutorFault(
      .outOfRange,
      "\(workload.name) wants \(count) coroutines, and \(backend.name) holds \(most) at most")
  }

  /// All parameters of a workload: those given, the others at their standard.
  static func complete(
    _ given: [String: Int], of workload: WorkloadDescription
  ) throws(ExecutorFault) -> [String: Int] {
    for name in given.keys.sorted() where !workload.parameters.contains(where: { $0.name == name })
    {
      throw ExecutorFault(.unknownParameter, "\(workload.name) has no parameter \"\(name)\"")
    }
    var all: [String: Int] = [:]
    for parameter in workload.parameters {
      let value = given[parameter.name] ?? parameter.standard
      guard (parameter.least...parameter.most).contains(value) else {
        throw ExecutorFault(
          .outOfRange,
          "\(parameter.name)=\(value) is out of range; choose \(parameter.least) to \(parameter.most)"
        )
      }
      all[parameter.name] = value
    }
    return all
  }

  private func measure(_ request: ExecutorRequest) throws -> [Batch] {
    let (handle, found) = try find(request)
    var item = found
    let count = min(max(1, request.batches ?? 1), 10_000)
    let target = min(max(10_000, request.batchNanoseconds ?? 1_000_000), 10_000_000_000)
    defer { prepared[handle] = item }

    let running = item.running
    func run(_ units: Int) throws {
      try running.run(units)
      item.unitsDone += units
    }
    if item.unitsPerBatch[target] == nil {
      item.unitsPerBatch[target] = try Calibration.units(filling: target, run)
    }
    let units = item.unitsPerBatch[target] ?? 1
    // One batch for the caches and the predictors, which the others have used meanwhile.
    try run(units)
    return try (0..<count).map { _ in
      try recorder.record(operations: units * running.operationsPerUnit) { try run(units) }
    }
  }

  private func verify(_ request: ExecutorRequest) throws -> VerifiedReply {
    let (_, item) = try find(request)
    try item.running.inspect()
    let checksum = item.running.checksum()
    var reply = VerifiedReply(
      checksum: "\(checksum)", of: item.program.checksumMeaning,
      matches: checksum == item.program.oracle(item.parameters, item.unitsDone))
    reply.units = item.unitsDone
    return reply
  }

  /// Gives back what earlier rows have left, so that it is not used by this one unseen.
  private static func settle() throws {
    try Greenlet.trim()
    #if GB_JEMALLOC
      try JemallocCounters.purgeAll()
    #endif
  }

  private func memory(_ request: ExecutorRequest) throws -> MemoryReply {
    let (_, item) = try find(request)
    let now = ProcessMemory.now()
    let live = item.program.description.liveCount(item.parameters.values)
    // The high-water mark first: what follows suspends coroutines of its own, on other stacks.
    let highWater = live.flatMap { _ in item.pool.highWater() }
    var reply = MemoryReply(
      residentBytes: now.resident, proportionalBytes: now.proportional, mappings: now.mappings,
      pageTableBytes: now.pageTables, bytesPerGreenlet: try bytesPerGreenlet(item, live: live))
    reply.liveGreenlets = live
    reply.highWaterBytes = highWater?.most.bytes
    reply.highWaterMedianBytes = highWater?.median.bytes
    let counters = item.pool.counters
    reply.pool = PoolCounters(
      made: counters.carved, lent: counters.lent, idle: counters.idle, trimmed: counters.trimmed,
      slabs: counters.slabs)
    return reply
  }

  /// Fewer coroutines than this share the process's growth with too much else.
  private static let crowdLeast = 256

  /// Resident bytes of a suspended coroutine: of the workload's own, where there are many.
  ///
  /// Otherwise the growth by coroutines that are suspended one frame deep, on a pool of their own.
  private func bytesPerGreenlet(_ item: Prepared, live: Int?) throws -> Double {
    if let live, live >= Self.crowdLeast { return Double(max(0, item.growth)) / Double(live) }
    let count = item.entry.description.switchesInKernel ? 128 : 1024
    let pool = try item.stack.makePool()
    // Once before, so that what is allocated only once is not counted.
    try item.entry.suspend(8, try item.stack.makePool()) {}
    let before = ProcessMemory.now().resident
    var during = before
    try item.entry.suspend(count, pool) { during = ProcessMemory.now().resident }
    return Double(max(0, during - before)) / Double(count)
  }

  private func finish(_ request: ExecutorRequest) throws -> FinishedReply {
    let (handle, _) = try find(request)
    // The pool and the ledger alone are kept, to see that everything comes back to them.
    let (pool, before) = (prepared[handle]?.pool, prepared[handle]?.quarantinedBefore ?? 0)
    let ledger = prepared[handle]?.running.ledger
    let start = gb_monotonic_ns()
    prepared[handle] = nil
    let nanoseconds = Int(gb_monotonic_ns() - start)
    return FinishedReply(
      leakedGreenlets: EngineCounters.quarantined - before, leakedStacks: pool?.lentCount ?? 0,
      leakedBytes: ledger?.liveBytes, nanoseconds: nanoseconds)
  }

  private func find(_ request: ExecutorRequest) throws(ExecutorFault) -> (Int, Prepared) {
    guard let handle = request.handle, let item = prepared[handle] else {
      throw ExecutorFault(
        .noSuchHandle, "no prepared workload has handle \(request.handle ?? 0); prepare it first")
    }
    OverflowReport.describeThread(as: item.program.description.name)
    return (handle, item)
  }
}
