// An executor in memory, sound unless a test says what goes wrong at which question.

import Executor
import Reports

/// Plays a worker. Remembers what it was asked.
actor FakeExecutor: Executing {
  /// What goes wrong: nil for a sound answer.
  ///
  /// Gets the question and the backend it is about.
  typealias Trouble = @Sendable (ExecutorRequest, PrepareRequest?) -> ExecutorError?

  private let log: Log
  private let trouble: Trouble
  private var prepared: [Int: PrepareRequest] = [:]

  init(_ log: Log, trouble: @escaping Trouble = { _, _ in nil }) {
    self.log = log
    self.trouble = trouble
  }

  /// All questions to all executors of a test.
  actor Log {
    private(set) var lines: [String] = []
    private(set) var executors = 0

    func add(_ line: String) { lines.append(line) }
    func started() -> Int {
      executors += 1
      return executors
    }

    func measured() -> [String] {
      lines.filter { $0.hasPrefix("measure ") }.map { String($0.dropFirst("measure ".count)) }
    }
  }

  static let hello = HelloReply(
    version: ExecutorProtocol.version, name: "fake", runtime: "fake 1",
    backends: ["native", "ucontext", "thread"].map {
      BackendDescription(
        name: $0, summary: "", switchesInKernel: $0 == "thread",
        coroutinesMost: $0 == "thread" ? 50 : nil)
    },
    workloads: [
      WorkloadDescription(
        name: "ping-pong", summary: "", operation: "switch",
        parameters: [
          ParameterDescription(name: "rounds", summary: "", standard: 10, least: 1, most: 1000)
        ]),
      WorkloadDescription(
        name: "crowd", summary: "", operation: "hop",
        parameters: [
          ParameterDescription(
            name: "greenlets", summary: "", standard: 40, least: 1, most: 1000,
            sweep: [1, 10, 100, 1000]),
          ParameterDescription(name: "touch", summary: "", standard: 64, least: 64, most: 65_536),
        ], population: Population(count: "greenlets", bytesEach: 1 << 20, touched: "touch")),
      WorkloadDescription(name: "control", summary: "", operation: "step", parameters: []),
    ],
    stackSources: ["mapped"], monotonicClock: true)

  func ask(
    _ request: ExecutorRequest, deadline: Duration
  ) async throws(ExecutorError) -> ExecutorReply {
    let about = request.prepare ?? request.handle.flatMap { prepared[$0] }
    let name = about.map { $0.workload == "control" ? "control" : $0.backend } ?? "-"
    await log.add("\(request.op.rawValue) \(name)")
    if let error = trouble(request, about) { throw error }
    var reply = ExecutorReply(id: request.id)
    switch request.op {
    case .hello: reply.hello = Self.hello
    case .prepare:
      guard let wanted = request.prepare else { throw .garbled("nothing to prepare") }
      let handle = prepared.count + 1
      prepared[handle] = wanted
      reply.prepared = PreparedReply(
        handle: handle, stack: "mapped:\(wanted.stack)", parameters: wanted.parameters,
        operationsPerUnit: 1, residentBytesBefore: 0, residentBytesAfter: 0)
      reply.prepared?.nanoseconds = 77
      reply.prepared?.minorFaults = 5
    case .measure:
      // The more coroutines, the dearer a hop.
      let cost = 900 + 10 * (about?.parameters["greenlets"] ?? 10)
      let batch = Batch(
        nanoseconds: cost, operations: 100, cpuNanoseconds: cost, minorFaults: 1)
      reply.batches = Array(repeating: batch, count: request.batches ?? 0)
    case .verify:
      reply.verified = VerifiedReply(
        checksum: "42", of: "rounds", matches: about?.parameters["rounds"] != 13)
    case .memory:
      reply.memory = MemoryReply(
        residentBytes: 1, proportionalBytes: 1, mappings: 1, pageTableBytes: 1,
        bytesPerGreenlet: 4096)
      reply.memory?.liveGreenlets = about?.parameters["greenlets"]
    case .finish:
      let leaked = about?.parameters["rounds"] == 14 ? 2 : 0
      reply.finished = FinishedReply(
        leakedGreenlets: leaked, leakedStacks: 0,
        leakedBytes: about?.parameters["rounds"] == 15 ? 64 : 0, nanoseconds: 88)
    case .bye: break
    }
    return reply
  }

  func stop() async {}
}
