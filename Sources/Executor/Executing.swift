// What a runner needs of an executor, and a typed call for every operation of the protocol.

public import Reports

/// An executor as its client sees it: something that answers questions, one at a time.
public protocol Executing: Sendable {
  /// Puts a question and waits for its answer. The client chooses the id.
  ///
  /// - Parameters:
  ///   - request: The question.
  ///   - deadline: How long the executor may be silent before it is killed.
  /// - Returns: The answer, without `error`.
  /// - Throws: Why there is no answer.
  func ask(_ request: ExecutorRequest, deadline: Duration) async throws(ExecutorError)
    -> ExecutorReply

  /// Ends the executor and waits until it is gone. May be called again.
  func stop() async
}

/// An executor that is a process, for whoever keeps it running.
public protocol SupervisedExecutor: Executing {
  /// The process's id; nil before it has started, and once it is gone.
  var pid: Int32? { get async }

  /// Waits until the process is gone.
  ///
  /// - Returns: How it ended; `stopped` when it was asked to.
  func gone() async -> ExecutorError
}

extension Executing {
  public func hello(deadline: Duration) async throws(ExecutorError) -> HelloReply {
    var request = ExecutorRequest(id: 0, op: .hello)
    request.version = ExecutorProtocol.version
    return try await part(of: request, deadline) { $0.hello }
  }

  public func prepare(
    _ wanted: PrepareRequest, deadline: Duration
  ) async throws(ExecutorError) -> PreparedReply {
    var request = ExecutorRequest(id: 0, op: .prepare)
    request.prepare = wanted
    return try await part(of: request, deadline) { $0.prepared }
  }

  public func measure(
    _ handle: Int, batches: Int, batchNanoseconds: Int, deadline: Duration
  ) async throws(ExecutorError) -> [Batch] {
    var request = ExecutorRequest(id: 0, op: .measure)
    request.handle = handle
    request.batches = batches
    request.batchNanoseconds = batchNanoseconds
    let measured = try await part(of: request, deadline) { $0.batches }
    guard measured.count == batches else {
      throw await nonsense("\(measured.count) batches in place of \(batches)")
    }
    guard measured.allSatisfy({ $0.nanoseconds > 0 && $0.operations > 0 }) else {
      throw await nonsense("a batch without time or without operations")
    }
    return measured
  }

  public func verify(
    _ handle: Int, deadline: Duration
  ) async throws(ExecutorError) -> VerifiedReply {
    try await part(of: about(handle, .verify), deadline) { $0.verified }
  }

  public func memory(
    _ handle: Int, deadline: Duration
  ) async throws(ExecutorError) -> MemoryReply {
    try await part(of: about(handle, .memory), deadline) { $0.memory }
  }

  public func finish(
    _ handle: Int, deadline: Duration
  ) async throws(ExecutorError) -> FinishedReply {
    try await part(of: about(handle, .finish), deadline) { $0.finished }
  }

  /// Says goodbye, and ends the executor whatever it answers.
  public func bye(deadline: Duration) async {
    // Every answer, and none, means the same here: nothing more is wanted.
    _ = try? await ask(ExecutorRequest(id: 0, op: .bye), deadline: deadline)
    await stop()
  }

  private func about(_ handle: Int, _ op: ExecutorRequest.Operation) -> ExecutorRequest {
    var request = ExecutorRequest(id: 0, op: op)
    request.handle = handle
    return request
  }

  private func part<Part>(
    of request: ExecutorRequest, _ deadline: Duration, _ take: (ExecutorReply) -> Part?
  ) async throws(ExecutorError) -> Part {
    guard let part = take(try await ask(request, deadline: deadline)) else {
      throw await nonsense("no answer to `\(request.op.rawValue)` in the reply")
    }
    return part
  }

  private func nonsense(_ what: String) async -> ExecutorError {
    await stop()
    return .garbled(what)
  }
}
