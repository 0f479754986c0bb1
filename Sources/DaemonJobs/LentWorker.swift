// A worker process on loan: for the runner an executor like any other, which outlives its `bye`.

import Executor
import Reports

/// Stands between a run and a warm worker.
///
/// The runner says `bye` to every executor it is done with. A lent one is not told: when the run
/// left nothing behind in it, it goes back to be lent again, and otherwise it is ended.
actor LentWorker: Executing {
  private let worker: any SupervisedExecutor

  /// What the worker said a moment ago, for whoever asks first: one that dies in between fails in
  /// the middle of a row, which is stored, and not before the run.
  private var hello: HelloReply?
  private let giveBack: @Sendable (_ isSound: Bool) async -> Void

  /// Prepared and not finished.
  private var live = 0
  private var isBack = false

  /// Lends a worker.
  ///
  /// - Parameters:
  ///   - worker: The process.
  ///   - hello: What it has just said of itself.
  ///   - giveBack: Called once, when the loan is over; a worker that is not sound has been stopped.
  init(
    _ worker: any SupervisedExecutor, hello: HelloReply? = nil,
    giveBack: @escaping @Sendable (_ isSound: Bool) async -> Void
  ) {
    self.worker = worker
    self.hello = hello
    self.giveBack = giveBack
  }

  func ask(
    _ request: ExecutorRequest, deadline: Duration
  ) async throws(ExecutorError) -> ExecutorReply {
    if isBack { throw .stopped }
    if request.op == .hello, let known = hello {
      hello = nil
      var reply = ExecutorReply(id: request.id)
      reply.hello = known
      return reply
    }
    if request.op == .bye, live == 0 {
      isBack = true
      await giveBack(true)
      return ExecutorReply(id: request.id)
    }
    let reply = try await worker.ask(request, deadline: deadline)
    switch request.op {
    case .prepare: live += 1
    case .finish: live -= 1
    case .hello, .measure, .verify, .memory, .bye: break
    }
    return reply
  }

  func stop() async {
    if isBack { return }
    isBack = true
    await worker.stop()
    await giveBack(false)
  }
}
