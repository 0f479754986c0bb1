// What the engine owns of a greenlet, and the thread's hub: raw memory behind the handles.

public import CSwitch
import Stacks

/// The engine's side of a greenlet.
///
/// Invariant: one thread makes it, switches to it and frees it. `handle` is the one live handle, or
/// nil; a core without handle is freed as soon as it does not run and is not suspended.
@safe @usableFromInline struct GreenletCore {
  @usableFromInline var context = unsafe gb_context()
  @usableFromInline var accesses: UnsafeMutableRawPointer?
  @usableFromInline var state: Greenlet.State
  @usableFromInline let hub: UnsafeMutablePointer<GreenletHub>

  /// Strong: a child keeps its parent.
  ///
  /// Nil for main alone.
  var parent: Greenlet?
  weak var handle: Greenlet?
  var name: String

  /// Takes the first message and runs the body; its result is left in the hub.
  var start: (() -> Void)?
  var stacks: StackPool?

  // The stack, in parts, from the first switch to the reaping.
  var stack: StackParts?

  @safe struct StackParts {
    let base: UnsafeMutableRawPointer
    let mappedSize: ByteCount
    let guardSize: ByteCount
    let colour: Int
    let pool: StackPoolReference
  }
}

/// What a thread knows about its greenlets.
@safe @usableFromInline struct GreenletHub {
  @usableFromInline var current: UnsafeMutablePointer<GreenletCore>

  /// The message under way, and its type; nil while an error is.
  @usableFromInline var message: UnsafeMutableRawPointer?
  @usableFromInline var messageType: Any.Type = Void.self
  @usableFromInline var failure: (any Error)?

  /// Whether the last switch left something to clean up: a dead greenlet, or memory of a message.
  @usableFromInline var hasRemains = false

  /// The greenlet that died in the last switch: its stack can go now that nobody runs on it.
  @usableFromInline var departed: UnsafeMutablePointer<GreenletCore>?

  /// The result of a departed body, freed by the receiver.
  @usableFromInline var heapMessage: UnsafeMutableRawPointer?
  @usableFromInline let accesses: UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// The last greenlet that was reaped and freed; compared, never followed.
  var lastReaped: UnsafeMutablePointer<GreenletCore>?

  /// Handles of greenlets that were let go while they ran.
  var adopted: [Greenlet] = []
  var main: Greenlet?
  var stacks: StackPool?
}
