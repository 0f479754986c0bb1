// POSIX ucontext: the portable yardstick, with a system call for the signal mask in every switch.

import CContexts
public import Stacks
public import WorkloadKit

/// Switches with `swapcontext`.
@safe public struct UContextBackend: SwitchBackend, ~Copyable {
  private let state = SharedState()
  private let stack: HeldStack

  // Invariant: ours until deinit.
  private let context: OpaquePointer

  public static var name: String { "ucontext" }
  public static var summary: String { "POSIX swapcontext: all registers and the signal mask" }
  public static var switchesInKernel: Bool { false }

  public init(on stacks: StackPool, body: some ContextBody) throws {
    let (state, stack) = (state, try HeldStack(from: stacks))
    var made: OpaquePointer?
    unsafe stack.withBytes { lowest, size in
      // SAFETY: the stack is held until deinit, and the state as long as this value.
      unsafe made = gb_ucontext_make(
        lowest, size, { unsafe ucontextMain($0) }, Unmanaged.passUnretained(state).toOpaque())
    }
    guard let made = unsafe made else {
      throw StackError.allocationFailed(source: "malloc", size: ByteCount(2048), errno: 12)
    }
    let suspender = unsafe Suspender(state: state, context: made)
    unsafe state.context = made
    state.body = { try body.run(suspender, state.word) }
    self.stack = stack
    unsafe context = made
  }

  public borrowing func resume(_ word: Int) throws -> Int {
    precondition(state.status != .finished, "a finished coroutine was resumed")
    state.word = word
    // SAFETY: by the status the context is saved.
    unsafe gb_ucontext_enter(context)
    return try state.outcome()
  }

  public var isFinished: Bool { state.status == .finished }

  deinit {
    state.isEnding = true
    while state.status == .suspended { unsafe gb_ucontext_enter(context) }
    // SAFETY: not started or finished, so nobody is on it.
    unsafe gb_ucontext_free(context)
  }

  /// Leaves by `swapcontext`.
  @safe public struct Suspender: WordSuspender {
    let state: SharedState
    let context: OpaquePointer

    public func suspend(_ word: Int) throws -> Int {
      state.word = word
      state.status = .suspended
      unsafe gb_ucontext_leave(context)
      state.status = .running
      if state.isEnding { throw Ended() }
      return state.word
    }
  }
}

/// The first frame; it never returns.
private func ucontextMain(_ argument: UnsafeMutableRawPointer?) {
  guard let argument = unsafe argument else { preconditionFailure("a context without a state") }
  // SAFETY: the state that `init` passed. This frame is left for good, and what it held would never
  // be released: an address needs no release, a closure would.
  unsafe gb_ucontext_leave(run(argument))
  fatalError("a finished context was resumed")
}

@inline(never) private func run(_ argument: UnsafeMutableRawPointer) -> OpaquePointer {
  let state = unsafe Unmanaged<SharedState>.fromOpaque(argument).takeUnretainedValue()
  state.runBody()
  guard let context = unsafe state.context else {
    preconditionFailure("a coroutine without its context")
  }
  return unsafe context
}
