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

  // Invariant: freed by whoever made it, after the coroutine has ended; nil for a thread's.
  /// What the coroutine's side leaves by.
  var context: OpaquePointer?

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

  init(from pool: StackPool) throws(StackError) {
    let stack = try pool.lend()
    // SAFETY: our own stack. What another engine left waiting on it will be overwritten.
    unsafe stack.head.pointee.parked = 0
    self.stack = consume stack
  }

  /// The lowest usable byte, and how many there are below the head.
  func withBytes(_ use: (UnsafeMutableRawPointer, Int) -> Void) {
    guard let lowest = unsafe stack?.lowest, let top = unsafe stack?.top else {
      preconditionFailure("a stack that was given back")
    }
    unsafe use(lowest, top - lowest)
  }

  deinit { if let stack = stack.take() { StackPool.takeBack(stack) } }
}
