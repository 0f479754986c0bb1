// One operating-system thread a coroutine: what a context costs when the kernel does it.

import CContexts
public import Stacks
public import WorkloadKit

/// Hands a turn to and fro with a futex.
@safe public struct ThreadBackend: SwitchBackend, ~Copyable {
  private let core: ThreadCore
  private let stack: HeldStack

  public static var name: String { "thread" }
  public static var summary: String { "one kernel thread a context, handing over by futex" }
  public static var switchesInKernel: Bool { true }

  /// Well below what the kernel allows a user (`kernel.threads-max`, `pids.max` of a container).
  public static var coroutinesMost: Int { 4096 }

  public init(on stacks: StackPool, body: some ContextBody) throws {
    let (core, stack) = (ThreadCore(), try HeldStack(from: stacks))
    core.state.body = { [unowned core] in
      try body.run(Suspender(core: core), core.state.word)
    }
    var failure: Int32 = 0
    unsafe stack.withBytes { lowest, size in
      // SAFETY: stack and core are held until the thread was joined in deinit.
      unsafe failure = gb_thread_start(
        lowest, size, { unsafe threadMain($0) }, Unmanaged.passUnretained(core).toOpaque(),
        &core.thread)
    }
    guard failure == 0 else {
      throw StackError.allocationFailed(
        source: "pthread_create", size: stacks.stackSize, errno: failure)
    }
    (self.core, self.stack) = (core, stack)
  }

  public borrowing func resume(_ word: Int) throws -> Int {
    precondition(core.state.status != .finished, "a finished coroutine was resumed")
    core.state.word = word
    core.enter()
    return try core.state.outcome()
  }

  public var isFinished: Bool { core.state.status == .finished }

  deinit {
    core.state.isEnding = true
    while core.state.status != .finished { core.enter() }
    // SAFETY: the thread is past its last hand-over, and is joined once.
    gb_thread_join(core.thread)
    unsafe core.turn.deallocate()
  }

  /// Gives the turn back to the resumer.
  public struct Suspender: WordSuspender {
    unowned let core: ThreadCore

    public func suspend(_ word: Int) throws -> Int {
      core.state.word = word
      core.state.status = .suspended
      core.leave()
      core.state.status = .running
      if core.state.isEnding { throw Ended() }
      return core.state.word
    }
  }
}

/// What the two threads share.
@safe public final class ThreadCore: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): `turn` says which of the two threads may touch the rest.
  let state = SharedState()
  var thread: UInt = 0
  let turn: UnsafeMutablePointer<gb_turn>

  private static let outside: UInt32 = 0
  private static let inside: UInt32 = 1

  init() {
    unsafe turn = .allocate(capacity: 1)
    unsafe UnsafeMutableRawPointer(turn).initializeMemory(as: UInt32.self, to: Self.outside)
  }

  func enter() {
    unsafe gb_turn_give(turn, Self.inside)
    unsafe gb_turn_await(turn, Self.outside)
  }

  func leave() {
    unsafe gb_turn_give(turn, Self.outside)
    awaitEntry()
  }

  func awaitEntry() { unsafe gb_turn_await(turn, Self.inside) }
  func leaveForGood() { unsafe gb_turn_give(turn, Self.outside) }
}

private func threadMain(_ argument: UnsafeMutableRawPointer?) {
  guard let argument = unsafe argument else { preconditionFailure("a thread without a core") }
  // SAFETY: the core that `init` passed; it is held until this thread was joined.
  let core = unsafe Unmanaged<ThreadCore>.fromOpaque(argument).takeUnretainedValue()
  core.awaitEntry()
  core.state.runBody()
  core.leaveForGood()
}
