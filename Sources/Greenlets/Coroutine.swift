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
/// A body that runs is, to everybody else, its resumer: ``Greenlet/current`` and the values of a
/// ``GreenletLocal`` are those of the greenlet that resumed it. Another greenlet may resume it next.
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
  ///   - file: Where it is made, for ``OverflowReport``.
  ///   - line: The line there.
  ///   - body: Called on the first ``resume(_:)``, with its input.
  /// - Throws: `StackError`, as `StackPool.lend()` does.
  /// - Complexity: O(1); allocates nothing but the closure's captures.
  @inlinable @inline(__always) public init(
    on stacks: StackPool, floatEnvironment: FloatEnvironment = .shared,
    file: StaticString = #fileID, line: UInt = #line, body: @escaping Body
  ) throws(StackError) {
    try self.init(
      on: stacks, floatEnvironment: floatEnvironment, file: file, line: line,
      running: ClosureBody(body: body))
  }

  /// Makes a coroutine that has not started, from a body that is a type.
  ///
  /// Such a body is specialised with the suspender, and four words of it allocate nothing.
  ///
  /// - Parameters:
  ///   - stacks: Lends the stack, and gets it back when the coroutine is gone.
  ///   - floatEnvironment: Whether the body has floating-point control words of its own.
  ///   - file: Where it is made, for ``OverflowReport``.
  ///   - line: The line there.
  ///   - body: Run on the first ``resume(_:)``, with its input.
  /// - Throws: `StackError`, as `StackPool.lend()` does.
  /// - Complexity: O(1); allocates nothing for a body of at most four words.
  @inlinable @inline(__always) public init<Running: CoroutineBody>(
    on stacks: StackPool, floatEnvironment: FloatEnvironment = .shared,
    file: StaticString = #fileID, line: UInt = #line, running body: Running
  ) throws(StackError) where Running.Input == Input, Running.Output == Output {
    try self.init(
      on: unsafe stacks.address, floatEnvironment: floatEnvironment, file: file, line: line,
      running: body)
  }

  /// Makes a coroutine that has not started, on a stack of a pool that somebody else holds.
  ///
  /// A reference to a pool costs a reference count in every body that spawns others; an address
  /// does not.
  @inlinable @inline(__always) public init<Running: CoroutineBody>(
    on stacks: StackPool.Address, floatEnvironment: FloatEnvironment = .shared,
    file: StaticString = #fileID, line: UInt = #line, running body: Running
  ) throws(StackError) where Running.Input == Input, Running.Output == Output {
    cell = try CoroutineCell(on: stacks)
    unsafe cell.core.pointee.site = CreationSite(file: file, line: line)
    cell.put(body: body)
    cell.keep { cell, word in cell.runAll(Running.self, word) }
    if cell.startBits.1 != 0 { cell.shareStart(of: Running.self) }
    if floatEnvironment == .own { cell.ownFloatEnvironment() }
  }

  /// Continues the body until it suspends itself, returns or throws.
  ///
  /// The caller waits meanwhile, and the body may change whatever it shares with the caller. A body
  /// that switches to another greenlet comes back when somebody switches to the caller's.
  ///
  /// - Parameter input: What the pending ``Suspender/suspend(_:)`` returns; the first one is the
  ///   body's argument.
  /// - Returns: What the body suspended itself with, or returned.
  /// - Throws: What the body throws. The coroutine is then finished.
  /// - Precondition: The coroutine is neither running nor finished, and this is its thread.
  /// - Complexity: Two context switches, no allocation.
  @inlinable @inline(__always) public borrowing func resume(
    _ input: consuming Input
  ) throws -> Step<Output> {
    let cell = cell
    let word = Message.sending(input) { cell.enter(sending: $0) }
    if cell.status == .suspended {
      return .yielded(Message.value(word, Output.self))
    }
    return .returned(try cell.result(word))
  }

  /// Whether the body has returned or thrown.
  ///
  /// - Complexity: O(1).
  @inlinable public var isFinished: Bool { cell.status == .finished }

  @inlinable @inline(__always) deinit {
    if cell.status != .finished {
      guard cell.end(Output.self) else { return }
    }
    // SAFETY: finished, so nobody runs on the stack but the first frame, which owns nothing.
    unsafe StackPool.takeBack(Stack(head: cell.head))
  }
}

/// What runs in a coroutine, as a type.
public protocol CoroutineBody<Input, Output> {
  /// What it is resumed with.
  associatedtype Input

  /// What it suspends itself with, and returns.
  associatedtype Output

  /// Runs on the coroutine's stack.
  ///
  /// - Parameters:
  ///   - suspender: The way to suspend the coroutine, as long as this call lasts.
  ///   - first: The first resume's input.
  /// - Returns: What the last resume returns.
  /// - Throws: What the last resume throws. Let ``Cancelled`` pass.
  func run(_ suspender: Suspender<Input, Output>, _ first: Input) throws -> Output
}

@frozen @usableFromInline struct ClosureBody<Input, Output>: CoroutineBody {
  @usableFromInline let body: Coroutine<Input, Output>.Body

  @inlinable @inline(__always) init(body: @escaping Coroutine<Input, Output>.Body) {
    self.body = body
  }

  @inlinable @inline(__always) func run(
    _ suspender: Suspender<Input, Output>, _ first: Input
  ) throws -> Output { try body(suspender, first) }
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
///
/// Let it pass: a body that catches it and suspends itself is asked again, ten times in all.
@frozen public struct Cancelled: Error {
  /// Makes one; for code that ends a body in the same way.
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
///
/// Valid while the body runs. One that is kept for longer names a stack that is another's by then.
@frozen public struct Suspender<Input, Output> {
  @usableFromInline let cell: CoroutineCell

  @inlinable init(cell: CoroutineCell) { self.cell = cell }

  /// Returns `output` from the pending ``Coroutine/resume(_:)`` and waits for the next one.
  ///
  /// Whoever has the coroutine decides when that is, and whether it ever comes. What is shared with
  /// others may have changed by then.
  ///
  /// - Parameter output: What the pending resume returns.
  /// - Returns: The input of the next resume.
  /// - Throws: ``Cancelled`` when the coroutine is being cancelled. Let it pass.
  /// - Precondition: Called while the coroutine runs: on its own stack, or on that of a coroutine that
  ///   it has resumed and that did not leave yet. The latter is left, too, and goes on with it.
  /// - Complexity: One context switch, no allocation.
  @inlinable @inline(__always) public func suspend(
    _ output: consuming Output
  ) throws(Cancelled) -> Input {
    let cell = cell
    let word = Message.sending(output) { cell.suspend(sending: $0) }
    guard _fastPath(cell.status == .running) else { throw Cancelled() }
    return Message.value(word, Input.self)
  }
}

extension CoroutineCell {
  /// Runs the body that was kept, and then all of the same kind that follow it on this stack.
  ///
  /// - Returns: The word for the next body, of another kind.
  @inlinable @inline(__always) func runAll<Body: CoroutineBody>(
    _: Body.Type, _ first: UInt
  ) -> UInt {
    let own = startBits
    var word = run(Body.self, first)
    // The same function without captures is the same thing, and there is nothing to release.
    while startBits == own && own.1 == 0 { word = run(Body.self, word) }
    return word
  }

  /// Runs the body that was kept to its end, and leaves with its result.
  ///
  /// - Returns: The word for the next body on this stack.
  @inlinable @inline(__always) func run<Body: CoroutineBody>(
    _: Body.Type, _ word: UInt
  ) -> UInt {
    guard status == .running else {
      dropBody(Body.self)
      return finish(sending: 0)
    }
    return Message.sending(madeBy: { output(of: Body.self, word) }, by: { finish(sending: $0) })
  }

  /// What the body returns; nil when it failed, or when nobody takes the result.
  @inlinable @inline(__always) func output<Body: CoroutineBody>(
    of _: Body.Type, _ word: UInt
  ) -> Body.Output? {
    do {
      let output = try runBody(Body.self, word)
      return status == .running ? output : nil
    } catch {
      unsafe core.pointee.failure = error
      return nil
    }
  }

  /// Lets go of a body that was told to end before it started.
  @inlinable @inline(never) func dropBody<Body>(_: Body.Type) { _ = takeBody(Body.self) }

  @inlinable @inline(__always) func runBody<Body: CoroutineBody>(
    _: Body.Type, _ word: UInt
  ) throws -> Body.Output {
    let body = takeBody(Body.self)
    return try body.run(Suspender(cell: self), Message.value(word, Body.Input.self))
  }

  /// What a finished body returned, or throws what it threw.
  @inlinable @inline(__always) func result<Output>(_ word: UInt) throws -> Output {
    if _slowPath(unsafe core.pointee.failure != nil) { throw takeFailure() }
    return Message.value(word, Output.self)
  }

  @usableFromInline @inline(never) func takeFailure() -> any Error {
    guard let failure = unsafe core.pointee.failure.take() else {
      preconditionFailure("a failure without an error")
    }
    return failure
  }

  /// Cancels what is suspended, and drops a body that never started.
  ///
  /// - Returns: Whether the stack can go back.
  @inlinable @inline(never) func end<Output>(_: Output.Type) -> Bool {
    precondition(
      status != .running && status != .ending, "a running coroutine went out of scope")
    var tries = 0
    while status == .suspended {
      guard tries < EngineCounters.exitTriesMax else {
        // Frames that do not leave keep their stack: freeing it would pull it from under them.
        EngineCounters.countQuarantine()
        return false
      }
      tries += 1
      let word = enterTheLongWay(sending: 0, as: .ending)
      // A body that goes on suspending sends values that nobody takes.
      if status == .suspended { _ = Message.value(word, Output.self) }
    }
    if let failure = unsafe core.pointee.failure.take(), !(failure is Cancelled) {
      EngineCounters.report(unraisable: failure)
    }
    return true
  }
}
