// What the engine refuses, and the exit that ends a greenlet.

/// Ends a greenlet quietly: one that leaves a body is delivered to the parent as a value.
///
/// Subclass it to carry something. Let it pass: a body that catches it and goes on is asked again.
open class GreenletExit: Error, @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the class has no state; a subclass answers for its own.

  public init() {}
}

/// Why a switch was refused.
///
/// Each case names both sides.
public enum GreenletError: Error, Hashable, Sendable {
  /// A greenlet runs only on the thread that it was made on.
  case wrongThread(greenlet: String, current: String)

  /// The message is of another type than the receiver takes.
  case typeMismatch(receiver: String, expected: String, received: String)

  /// The new parent descends from the greenlet.
  case cyclicParent(greenlet: String, parent: String)

  /// The thread's own greenlet has no parent.
  case mainHasNoParent

  /// No stack could be had for the first switch; the greenlet can be tried again.
  case noStack(greenlet: String, reason: String)
}

extension GreenletError: CustomStringConvertible {
  /// The fact, then after a semicolon the mend.
  public var description: String {
    switch self {
    case .wrongThread(let greenlet, let current):
      "\(greenlet) belongs to another thread than \(current); switch to it on its own thread"
    case .typeMismatch(let receiver, let expected, let received):
      "\(receiver) takes \(expected) and was sent \(received); send what it takes"
    case .cyclicParent(let greenlet, let parent):
      "\(parent) descends from \(greenlet); choose a parent that does not"
    case .mainHasNoParent:
      "the main greenlet is the root of its thread; reparent another one"
    case .noStack(let greenlet, let reason):
      "\(greenlet) could not start: \(reason)"
    }
  }
}
