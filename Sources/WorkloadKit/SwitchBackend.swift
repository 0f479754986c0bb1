// The contract of a switching backend: a coroutine that is resumed and suspended with a word.

public import Stacks

/// One coroutine of a backend.
///
/// A new backend is one new file in Backends that conforms.
///
/// Workloads are generic over it and specialised for each backend, so nothing is looked up per
/// switch. The contract, tested for all backends by one suite:
///   - `resume` starts the body with its word, or returns it from the pending `suspend`;
///   - `resume` returns what the body suspends itself with, or its result, after which `isFinished`;
///   - what the body throws is thrown by `resume`;
///   - going out of scope ends the body, which sees ``Ended`` from its pending `suspend`.
public protocol SwitchBackend: ~Copyable, SendableMetatype {
  /// The name in results and on the command line, in `lower-kebab-case`; never changed.
  static var name: String { get }

  /// One line for people.
  static var summary: String { get }

  /// Whether the kernel does the switch, so that waiting in its run queue is part of it.
  static var switchesInKernel: Bool { get }

  /// The most coroutines that may be alive at once; `Int.max` where only memory sets a limit.
  static var coroutinesMost: Int { get }

  /// Makes a coroutine that has not started.
  ///
  /// - Throws: When there is no stack or no thread for it.
  init(on stacks: StackPool, body: some ContextBody) throws

  /// Continues the body until it suspends itself, returns or throws.
  borrowing func resume(_ word: Int) throws -> Int

  /// Whether the body has returned or thrown.
  var isFinished: Bool { get }
}

extension SwitchBackend where Self: ~Copyable {
  public static var coroutinesMost: Int { .max }
}

/// What runs in a coroutine of any backend.
///
/// A type and not a closure: a closure over an abstract suspender is not specialised, and then
/// every suspension is a call through a table.
public protocol ContextBody {
  /// Runs, and suspends itself as often as it wants.
  ///
  /// - Returns: What the last `resume` returns.
  func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int
}

/// Suspends the coroutine whose body it was given to.
public protocol WordSuspender {
  /// Returns `word` from the pending `resume`, and waits for the next one.
  ///
  /// - Throws: When the coroutine is being ended. Let it pass.
  func suspend(_ word: Int) throws -> Int
}

/// Thrown in a body that is being ended, by backends without an error of their own.
public struct Ended: Error {
  public init() {}
}

/// A coroutine in a box, for collections: noncopyable values do not go into arrays.
public final class Member<Backend: SwitchBackend & ~Copyable> {
  @usableFromInline let coroutine: Backend

  @inlinable @inline(__always) public init(on stacks: StackPool, body: some ContextBody) throws {
    coroutine = try Backend(on: stacks, body: body)
  }

  @inlinable @inline(__always) public func resume(_ word: Int) throws -> Int {
    try coroutine.resume(word)
  }

  /// Borrows the coroutine for a loop, so that it is not loaded from the box in every round.
  @inlinable @inline(__always) public func withCoroutine<Result>(
    _ use: (borrowing Backend) throws -> Result
  ) rethrows -> Result { try use(coroutine) }

  @inlinable public var isFinished: Bool { coroutine.isFinished }
}
