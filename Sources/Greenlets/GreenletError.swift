// What the engine refuses, and the exit that ends a greenlet.

/// Ends a greenlet quietly: one that leaves a body is delivered to the parent as a value.
///
/// Subclass it to carry something, whose safety between threads is then the subclass's business. Let
/// it pass: in Swift every `catch` and `try?` that names no
/// error catches it too, and a body that goes on is asked again.
open class GreenletExit: Error, @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the class has no state; a subclass answers for its own.

  /// Makes one without anything to carry.
  public init() {}
}

/// Why a switch was refused.
///
/// Each case names both sides.
public enum GreenletError: Error, Hashable, Sendable {
  /// A greenlet runs on its own thread only.
  case wrongThread(greenlet: String, current: String)

  /// The greenlet's thread has ended.
  case threadEnded(greenlet: String, current: String)

  /// The message is of another type than the receiver takes.
  case typeMismatch(receiver: String, expected: String, received: String)

  /// The new parent descends from the greenlet.
  case cyclicParent(greenlet: String, parent: String)

  /// A greenlet that has started stays on its thread, so its parents do.
  case parentOnOtherThread(greenlet: String, parent: String)

  /// The new parent's thread has ended.
  case parentOrphaned(greenlet: String, parent: String)

  /// The thread's own greenlet has no parent.
  case mainHasNoParent

  /// The thread's own greenlet runs what the thread runs.
  case mainHasNoBody

  /// There is nothing to start; the greenlet can be given a body.
  case noBody(greenlet: String)

  /// The body is the greenlet's own from the first switch on.
  case alreadyStarted(greenlet: String)

  /// The greenlet caught its exit and went on.
  case exitSwallowed(greenlet: String)

  /// No stack could be had for the first switch; the greenlet can be tried again.
  case noStack(greenlet: String, reason: String)

  /// An injected fault refused the switch; see ``GreenletFaults``.
  case injected(greenlet: String, current: String)

  /// The locals of a greenlet that runs on another thread.
  case localsInUse(greenlet: String)

  /// The lock is held; see ``GreenletLock``.
  case lockIsHeld(holder: String, current: String)

  /// Its frames are not on its own stack alone: it runs, is a thread's main greenlet, or is suspended
  /// in a coroutine that it resumed.
  case notOnItsStack(greenlet: String)

  /// There was no memory to freeze into.
  case notFrozen(greenlet: String, reason: String)

  /// A yield, but no generator that runs it.
  case noGenerator
}

extension GreenletError: CustomStringConvertible {
  /// The fact, then after a semicolon the mend.
  public var description: String {
    switch self {
    case .wrongThread(let greenlet, let current):
      "\(greenlet) belongs to another thread than \(current); switch to it on its own thread"
    case .threadEnded(let greenlet, let current):
      """
      the thread of \(greenlet) has ended, and \(current) runs on another one; \
      reparent it before its first switch, or end it before its thread
      """
    case .typeMismatch(let receiver, let expected, let received):
      "\(receiver) takes \(expected) and was sent \(received); send what it takes"
    case .cyclicParent(let greenlet, let parent):
      "\(parent) descends from \(greenlet); choose a parent that does not"
    case .parentOnOtherThread(let greenlet, let parent):
      "\(greenlet) has started on another thread than \(parent); choose a parent of its own thread"
    case .parentOrphaned(let greenlet, let parent):
      "the thread of \(parent) has ended; choose another parent for \(greenlet)"
    case .mainHasNoParent:
      "the main greenlet is the root of its thread; reparent another one"
    case .mainHasNoBody:
      "the main greenlet runs what its thread runs; give a body to another one"
    case .noBody(let greenlet):
      "\(greenlet) has no body; give it one before the first switch"
    case .alreadyStarted(let greenlet):
      "\(greenlet) has started with its body; make a new greenlet for another one"
    case .exitSwallowed(let greenlet):
      "\(greenlet) caught its GreenletExit and went on; let that error pass"
    case .noStack(let greenlet, let reason):
      "\(greenlet) could not start: \(reason)"
    case .injected(let greenlet, let current):
      "a fault was injected into the switch from \(current) to \(greenlet); it can be tried again"
    case .localsInUse(let greenlet):
      "\(greenlet) runs on another thread; read or set its locals there"
    case .lockIsHeld(let holder, let current):
      "\(holder) holds the lock that \(current) asks for; switch and try again when it is free"
    case .notOnItsStack(let greenlet):
      """
      the frames of \(greenlet) are not on a stack of its own; \
      let it suspend itself outside of coroutines first
      """
    case .notFrozen(let greenlet, let reason):
      "\(greenlet) could not be frozen: \(reason)"
    case .noGenerator:
      "a value was yielded outside of its generator; yield only while it runs"
    }
  }
}
