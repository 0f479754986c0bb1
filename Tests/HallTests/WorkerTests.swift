// The worker's side of the protocol: every workload on every backend, and every refusal.

import Reports
import Testing
import WorkerService

struct WorkerTests {
  static func ask(
    _ worker: Worker, _ op: ExecutorRequest.Operation,
    _ set: (inout ExecutorRequest) -> Void = { _ in }
  ) -> ExecutorReply {
    var request = ExecutorRequest(id: 7, op: op)
    request.version = ExecutorProtocol.version
    set(&request)
    return worker.answer(request)
  }

  static func prepare(
    _ workload: String, _ backend: String, stack: String = "64KiB",
    _ parameters: [String: Int] = [:]
  ) -> PrepareRequest {
    PrepareRequest(
      workload: workload, parameters: parameters, backend: backend, stack: stack, seed: 1)
  }

  static let backends = ["native", "greenlet", "sliced", "frozen", "ucontext", "thread"]
  static let workloads = [
    "ping-pong", "spawn", "ring", "footprint", "million-idle", "deep-recursion", "mixed-depth",
    "alloc-churn", "tlb", "control",
  ]
  static let rows = workloads.flatMap { workload in backends.map { (workload, $0) } }

  /// Small ones, for debug builds and for a thread each.
  static let parameters: [String: [String: Int]] = [
    "ring": ["members": 17], "footprint": ["greenlets": 7, "touch": 1408],
    "million-idle": ["greenlets": 300, "percent": 3], "deep-recursion": ["depth": 40],
    "mixed-depth": ["members": 9, "deepest": 30], "tlb": ["members": 11],
    "alloc-churn": ["members": 5, "slots": 4, "bytes": 4096],
  ]

  @Test(arguments: rows) func measuresAndVerifies(workload: String, backend: String) throws {
    let worker = Worker()
    let parameters = Self.parameters[workload] ?? [:]
    let prepared = try #require(
      Self.ask(worker, .prepare) { $0.prepare = Self.prepare(workload, backend, parameters) }
        .prepared)
    let batches = try #require(
      Self.ask(worker, .measure) {
        $0.handle = prepared.handle
        $0.batches = 3
        $0.batchNanoseconds = 20_000
      }.batches)
    #expect(batches.count == 3)
    #expect(batches.allSatisfy { $0.nanoseconds > 0 && $0.operations > 0 })
    let verified = try #require(
      Self.ask(worker, .verify) { $0.handle = prepared.handle }.verified)
    #expect(verified.matches, "the checksum is not the oracle's")
    let units = try #require(verified.units)
    #expect(
      verified
        == KnownWorkloads.verified(
          workload, parameters: prepared.parameters, seed: 1, units: units))
    let memory = try #require(Self.ask(worker, .memory) { $0.handle = prepared.handle }.memory)
    #expect(memory.residentBytes > 0 && memory.mappings > 0)
    #expect(memory.bytesPerGreenlet != nil)
    let live = [
      "ring": nil, "footprint": 7, "million-idle": 300, "deep-recursion": 1, "mixed-depth": 9,
      "tlb": 11, "alloc-churn": 5,
    ]
    #expect(memory.liveGreenlets == live[workload, default: nil])
    // The frames of these are not on stacks of their own while they are suspended.
    let hasStacks = backend != "sliced" && backend != "frozen"
    #expect((memory.highWaterBytes != nil) == (memory.liveGreenlets != nil && hasStacks))
    if let live = memory.liveGreenlets {
      #expect(memory.pool?.lent == (backend == "sliced" ? 0 : live))
    }
    let finished = try #require(
      Self.ask(worker, .finish) { $0.handle = prepared.handle }.finished)
    #expect(finished.leakedStacks == 0)
    #expect(finished.leakedBytes == (workload == "alloc-churn" ? 0 : nil))
    #expect(prepared.nanoseconds ?? 0 > 0 && finished.nanoseconds != nil)
  }

  @Test func aDeeperRecursionHasAHigherMark() throws {
    func mark(_ depth: Int, _ backend: String) throws -> Int {
      let worker = Worker()
      let request = Self.prepare("deep-recursion", backend, stack: "256KiB", ["depth": depth])
      let handle = try #require(
        Self.ask(worker, .prepare) { $0.prepare = request }.prepared
      ).handle
      let memory = try #require(Self.ask(worker, .memory) { $0.handle = handle }.memory)
      return try #require(memory.highWaterBytes)
    }
    for backend in Self.backends where backend != "sliced" && backend != "frozen" {
      let (shallow, deep) = (try mark(10, backend), try mark(210, backend))
      // A level has a canary of 16 bytes and a return address, at least.
      #expect(deep - shallow > 200 * 24 && deep < 256 << 10, "\(backend)")
    }
  }

  @Test(arguments: [
    (prepare("deep-recursion", "native", ["depth": 900_000]), "go no deeper than"),
    (prepare("mixed-depth", "greenlet", ["deepest": 900_000]), "choose larger stacks"),
    (prepare("footprint", "native", ["touch": 65_536]), "touch less or choose larger stacks"),
    (prepare("million-idle", "thread", [:]), "thread holds 4096 at most"),
  ]) func refusesWhatDoesNotFit(request: PrepareRequest, mend: String) throws {
    let error = try #require(Self.ask(Worker(), .prepare) { $0.prepare = request }.error)
    #expect(error.message.contains(mend), "\(error.message)")
  }

  @Test func helloListsWhatThereIs() throws {
    let hello = try #require(Self.ask(Worker(), .hello).hello)
    #expect(hello.backends.map(\.name) == Self.backends)
    #expect(hello.backends.map(\.coroutinesMost) == [nil, nil, nil, nil, nil, 4096])
    #expect(hello.listedWorkloads.map(\.name) == Self.workloads)
    #expect(hello.workloads[0].standardBackends == ["native", "ucontext", "thread"])
    #expect(hello.workloads[4].standardBackends == ["greenlet", "sliced", "frozen"])
    for name in ["dummy-overflow", "dummy-crash"] {
      #expect(hello.workloads.contains { $0.name == name }, "for the tests alone")
    }
    #expect(hello.stackSources.contains("mapped"))
  }

  @Test(arguments: [
    (prepare("pingpong", "native"), ExecutorFault.Code.unknownWorkload),
    (prepare("ping-pong", "nativ"), .unknownBackend),
    (prepare("ping-pong", "native", ["round": 1]), .unknownParameter),
    (prepare("ping-pong", "native", ["rounds": 0]), .outOfRange),
    (prepare("ping-pong", "native", stack: "64kb"), .badStack),
    (prepare("ping-pong", "native", stack: "1KiB"), .badStack),
    (prepare("ping-pong", "native", stack: "heap:64KiB"), .badStack),
  ]) func refuses(request: PrepareRequest, code: ExecutorFault.Code) {
    #expect(Self.ask(Worker(), .prepare) { $0.prepare = request }.error?.code == code)
  }

  @Test func aHandleThatWasNeverGivenIsRefused() {
    #expect(Self.ask(Worker(), .measure) { $0.handle = 3 }.error?.code == .noSuchHandle)
  }

  @Test func anotherVersionIsRefused() {
    #expect(Self.ask(Worker(), .hello) { $0.version = 99 }.error?.code == .version)
  }
}
