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

  static let rows = ["ping-pong", "spawn", "ring", "control"].flatMap { workload in
    ["native", "ucontext", "thread"].map { (workload, $0) }
  }

  @Test(arguments: rows) func measuresAndVerifies(workload: String, backend: String) throws {
    let worker = Worker()
    let parameters = workload == "ring" ? ["members": 17] : [:]
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
    let memory = try #require(Self.ask(worker, .memory) { $0.handle = prepared.handle }.memory)
    #expect(memory.residentBytes > 0)
    let finished = try #require(
      Self.ask(worker, .finish) { $0.handle = prepared.handle }.finished)
    #expect(finished.leakedStacks == 0)
  }

  @Test func helloListsWhatThereIs() throws {
    let hello = try #require(Self.ask(Worker(), .hello).hello)
    #expect(hello.backends.map(\.name) == ["native", "ucontext", "thread"])
    #expect(hello.listedWorkloads.map(\.name) == ["ping-pong", "spawn", "ring", "control"])
    #expect(hello.workloads.contains { $0.name == "dummy-overflow" }, "for the tests alone")
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
