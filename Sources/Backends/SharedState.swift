// What both sides of a foreign context share: a word, an outcome, and how far it has come.

import Stacks

/// The state of a coroutine of the yardstick backends.
///
/// Invariant: the two sides run one at a time, whoever hands over sees to that, and the hand-over
/// orders their accesses.
@safe public final class SharedState: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): by the invariant only one side touches it at any time; the
  // thread backend hands over with release and acquire.

  enum Status { case ready, running, suspended, finished }

  var status = Status.ready
  var word = 0
  var isEnding = false
  var failure: (any Error)?
  var body: (() throws -> Int)?

  /// Goes back to the resumer for the last time.
  var leave: () -> Void = {}

  /// Runs the body to its end.
  ///
  /// On the coroutine's side.
  func runBody() {
    status = .running
    do {
      guard let body else { preconditionFailure("a coroutine without a body") }
      self.body = nil
      if !isEnding { word = try body() }
    } catch {
      failure = error
    }
    status = .finished
  }

  /// After a hand-over to the resumer: what the body came back with.
  func outcome() throws -> Int {
    if let failure = failure.take() { throw failure }
    return word
  }
}

/// A stack that goes back to its pool when nobody uses it any more.
@safe final class HeldStack {
  private var stack: Stack?
  private let pool: StackPoolReference

  init(from pool: StackPool) throws(StackError) {
    stack = try pool.lend()
    self.pool = pool.reference
  }

  /// The lowest usable byte and how many there are, colour aside.
  func withBytes(_ use: (UnsafeMutableRawPointer, Int) -> Void) {
    guard let lowest = unsafe stack?.lowest, let size = stack?.usableSize.bytes else {
      preconditionFailure("a stack that was given back")
    }
    unsafe use(lowest, size)
  }

  deinit { if let stack = stack.take() { pool.takeBack(stack) } }
}
