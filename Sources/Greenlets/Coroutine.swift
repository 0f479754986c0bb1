// A coroutine: a function with a stack of its own, resumed and suspended by hand.

public import Stacks

/// A function that can suspend itself from any depth of its call stack.
///
/// The body runs on the coroutine's own stack. It suspends itself with a value of `Output`, and is
/// resumed with a value of `Input`:
///
///     let pool = StackPool(stackSize: .kibibytes(64))
///     let doubler = try Coroutine<Int, Int>(on: pool) { suspender, first in
///       var number = first
///       while true { number = try suspender.suspend(number * 2) }
///     }
///     try doubler.resume(1)   // .yielded(2)
///     try doubler.resume(21)  // .yielded(42)
///
/// A coroutine belongs to the thread that made it. It is noncopyable: when it goes out of scope it
/// is cancelled and its stack goes back to the pool.
///
/// ## Ending early
///
/// Swift has no unwinding. Cancelling therefore resumes the body one last time, and the pending
/// ``Suspender/suspend(_:)`` throws ``Cancelled``: the body leaves through its own `defer`s. A body
/// that goes on suspending is asked ten times; then its stack is left alone for good, counted in
/// ``EngineCounters/quarantined``.
public struct Coroutine<Input, Output>: ~Copyable {
  /// Runs on the coroutine's stack.
  ///
  /// What it returns goes to the last resume.
  public typealias Body = (Suspender<Input, Output>, Input) throws -> Output

  @usableFromInline let cell: CoroutineCell

  /// Makes a coroutine that has not started.
  ///
  /// - Parameters:
  ///   - stacks: Lends the stack, and gets it back when the coroutine is gone.
  ///   - floatEnvironment: Whether the body has floating-point control words of its own.
  ///   - body: Called on the first ``resume(_:)``, with its input.
  /// - Throws: What ``StackPool/lend()`` throws.
  /// - Complexity: O(1); one allocation for the closure.
  @inlinable @inline(__always) public init(
    on stacks: StackPool, floatEnvironment: FloatEnvironment = .shared, body: @escaping Body
  ) throws(StackError) {
    cell = try unsafe CoroutineCell(on: stacks, floatEnvironment: floatEnvironment) { core in
      let cell = unsafe CoroutineCell(core: core)
      let input = cell.receive(Input.self)
      do {
        let output = try body(Suspender(cell: cell), input)
        // Nobody takes the result of a cancelled body.
        if unsafe core.pointee.status == .running { cell.put(result: output) }
      } catch {
        unsafe core.pointee.failure = error
      }
    }
  }

  /// Continues the body until it suspends itself, returns or throws.
  ///
  /// - Throws: What the body throws. The coroutine is then finished.
  /// - Precondition: The coroutine is neither running nor finished.
  /// - Complexity: Two context switches, no allocation.
  @inlinable @inline(__always) public borrowing func resume(
    _ input: consuming Input
  ) throws -> Step<Output> {
    let status = unsafe cell.core.pointee.status
    precondition(
      status == .suspended || status == .ready, "a running or finished coroutine was resumed")
    let cell = cell.enter(sending: input)
    if unsafe cell.core.pointee.status == .suspended { return .yielded(cell.receive(Output.self)) }
    return .returned(try cell.takeResult())
  }

  /// Whether the body has returned or thrown.
  @inlinable public var isFinished: Bool { unsafe cell.core.pointee.status == .finished }

  @inlinable deinit { cell.end() }
}

/// What a resumed coroutine came back with.
@frozen public enum Step<Output> {
  /// The body suspended itself with a value, and can be resumed.
  case yielded(Output)

  /// The body returned a value. Resuming again is a programmer error.
  case returned(Output)

  /// The value, whichever way it came.
  @inlinable public var value: Output {
    switch self {
    case .yielded(let value), .returned(let value): value
    }
  }
}

extension Step: Sendable where Output: Sendable {}
extension Step: Equatable where Output: Equatable {}

/// Thrown in the body of a coroutine that is being cancelled.
@frozen public struct Cancelled: Error {
  @inlinable public init() {}
}

/// Whose floating-point control words (rounding, traps) a body runs with.
@frozen public enum FloatEnvironment: Sendable {
  /// The thread's: nothing is switched.
  case shared

  /// Its own, which costs 4 to 9 ns a switch.
  case own
}

/// The body's way to suspend its coroutine.
@frozen public struct Suspender<Input, Output> {
  @usableFromInline let cell: CoroutineCell

  @inlinable init(cell: CoroutineCell) { self.cell = cell }

  /// Returns `output` from the pending ``Coroutine/resume(_:)`` and waits for the next one.
  ///
  /// - Returns: The input of the next resume.
  /// - Throws: ``Cancelled`` when the coroutine is being cancelled. Let it pass.
  /// - Precondition: Called on the coroutine's own stack.
  @inlinable @inline(__always) public func suspend(
    _ output: consuming Output
  ) throws(Cancelled) -> Input {
    guard unsafe cell.core.pointee.status == .running else { throw cell.refuseToSuspend() }
    cell.leave(sending: output)
    guard unsafe cell.core.pointee.status == .running else { throw Cancelled() }
    return cell.receive(Input.self)
  }
}

extension CoroutineCell {
  /// Keeps the body's result until the resumer takes it.
  @inlinable func put<Output>(result: consuming Output) {
    if Self.fits(Output.self) {
      unsafe slot.initializeMemory(as: Output.self, to: result)
      return
    }
    // On the heap, since the frame that made it is gone when it is taken.
    let place = UnsafeMutablePointer<Output>.allocate(capacity: 1)
    unsafe place.initialize(to: result)
    unsafe core.pointee.message = UnsafeMutableRawPointer(place)
  }

  /// Takes the body's result, or throws what it threw.
  @inlinable @inline(never) func takeResult<Output>() throws -> Output {
    if let failure = unsafe core.pointee.failure.take() { throw failure }
    let result = receive(Output.self)
    if !Self.fits(Output.self) {
      // SAFETY: the memory that `put(result:)` allocated, emptied by `receive`.
      unsafe core.pointee.message?.deallocate()
    }
    return result
  }

  /// A body that is being ended suspends itself all the same: back to the one who ends it.
  @usableFromInline @inline(never) func refuseToSuspend() -> Cancelled {
    precondition(
      unsafe core.pointee.status == .ending, "suspended from outside the coroutine")
    leave(as: .suspended)
    return Cancelled()
  }

  /// Cancels what is suspended, and gives the stack back.
  @usableFromInline func end() {
    unsafe precondition(
      core.pointee.status != .running && core.pointee.status != .ending,
      "a running coroutine went out of scope")
    var tries = 0
    while unsafe core.pointee.status == .suspended {
      guard tries < EngineCounters.exitTriesMax else {
        // Frames that do not leave keep their stack: freeing it would pull it from under them.
        EngineCounters.countQuarantine()
        return
      }
      tries += 1
      enter(as: .ending)
    }
    if tries > 0, let failure = unsafe core.pointee.failure.take(), !(failure is Cancelled) {
      EngineCounters.report(unraisable: failure)
    }
    release()
  }
}
