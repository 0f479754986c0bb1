// What a thread knows about its greenlets.

public import CSwitch
public import Stacks
public import Synchronization

/// A thread's hub: who runs, what is on its way, who is active.
///
/// Raw memory that the thread alone touches, but for `watch` and `inbox`.
@safe @usableFromInline struct GreenletHub: ~Copyable {
  /// Who runs.
  ///
  /// It comes first: the handler of an overflow counts on it.
  @usableFromInline var current: UnsafeMutablePointer<GreenletCore>

  /// Why switches take the long way: usually nothing.
  ///
  /// Other threads may add reasons.
  @usableFromInline let watch = Atomic<UInt>(0)

  /// The type of the message on its way.
  @usableFromInline var messageType: Any.Type = Void.self

  /// What an arrival has to look at before its message; nothing usually.
  @usableFromInline var pending: Pending = []

  /// The head of the thread's open exclusive accesses.
  @usableFromInline let accesses: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  @usableFromInline var failure: (any Error)?

  /// What the current greenlet's body has just thrown.
  @usableFromInline var bodyFailure: (any Error)?

  /// The greenlet that died in the last switch and could not be cleared away before.
  @usableFromInline var departed: UnsafeMutablePointer<GreenletCore>?

  /// The greenlet that was left in the last switch while nobody held it.
  var unheld: UnsafeMutablePointer<GreenletCore>?

  /// Where the message on its way was moved to, out of frames that are in the way of the receiver.
  @usableFromInline var movedMessage: UnsafeMutableRawPointer?

  /// Greenlets that started on this thread and are not freed, newest first, main among them.
  @usableFromInline var started: UnsafeMutablePointer<GreenletCore>?
  let main: UnsafeMutablePointer<GreenletCore>

  /// Main's handle, which lives as long as the thread.
  var mainHandle: Greenlet?

  /// Memory of cores, for the next greenlets.
  var spare: UnsafeMutablePointer<GreenletCore>?
  var spareCount = 0

  /// Where greenlets live that ask for nothing.
  var strategy = StackStrategy.standard

  /// Pools by size class.
  let pools = StackPools()

  /// Lends stacks to greenlets that bring no pool; nil where they are sliced.
  var stacks: StackPool?

  /// The stack that sliced greenlets share, from its first use on.
  var slices: UnsafeMutablePointer<SliceRegion>?
  var freezing: FreezePolicy?
  var lastSweep: UInt64 = 0

  /// That pool, to look at without a reference count.
  @usableFromInline var idleStacks: StackPool.Address?
  @usableFromInline let counts = GreenletCounts()
  let thread: UInt64
  var nextOwnID: UInt64 = 0
  var idsLeft = 0

  /// Suspended greenlets that other threads let go of.
  var inbox: [Left] = []
  let inboxGate = Gate()

  /// A core by its address, which may be another greenlet's by the time that somebody looks.
  struct Left {
    let address: UInt
    let id: UInt64
  }

  /// Held while a handle is made or goes.
  let handles = Gate()
  var farewell = Farewell()

  /// How often a greenlet that is being ended got its killer for a parent.
  var endings: UInt = 0
  var tracer: GreenletTracer?
  var event: GreenletEvent.Kind?
  var eventOrigin: GreenletReference?
  var isObserving = false
  var faults = GreenletFaults()
  var slice = SliceClock()

  /// The control words of those without their own, while one with its own runs.
  var sharedFloat = gb_float_environment()

  /// The greenlet that was left last, for the sanitizer.
  var fiberLeft: UnsafeMutablePointer<GreenletCore>?

  /// Reasons to look at before a message.
  @frozen @usableFromInline struct Pending: OptionSet {
    @usableFromInline let rawValue: UInt8
    @inlinable init(rawValue: UInt8) { self.rawValue = rawValue }
    @inlinable static var failure: Pending { Pending(rawValue: 1) }
    @inlinable static var departed: Pending { Pending(rawValue: 2) }
    @inlinable static var event: Pending { Pending(rawValue: 4) }
    @inlinable static var unheld: Pending { Pending(rawValue: 8) }
    @inlinable static var moved: Pending { Pending(rawValue: 16) }
  }

  /// A reason for switches to take the long way.
  enum Watch {
    static let inbox: UInt = 1
    static let tracer: UInt = 2
    static let observers: UInt = 4
    static let faults: UInt = 8

    /// A sanitizer, or a runtime whose list of accesses was not found.
    static let machine: UInt = 16

    /// The current greenlet is unusual.
    static let current: UInt = 32
    static let dump: UInt = 64
    static let slices: UInt = 128

    /// The current greenlet has lost its last handle.
    static let unheld: UInt = 256
  }

  init(
    main: UnsafeMutablePointer<GreenletCore>, thread: UInt64,
    accesses: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  ) {
    unsafe current = main
    unsafe self.main = main
    self.thread = thread
    unsafe self.accesses = accesses
  }

  func watch(for reason: UInt) { watch.bitwiseOr(reason, ordering: .sequentiallyConsistent) }
  func stopWatching(for reason: UInt) { watch.bitwiseAnd(~reason, ordering: .relaxed) }
  func watches(for reason: UInt) -> Bool { watch.load(ordering: .relaxed) & reason != 0 }

  /// Does something while no handle is made and none goes.
  func withHandles<Result>(_ act: () -> Result) -> Result {
    handles.with(act)
  }

  /// This thread's hub, set up on first use.
  @inlinable @inline(__always) static func ofThisThread() -> UnsafeMutablePointer<GreenletHub> {
    guard let hub = unsafe gb_hub_get() else { return unsafe setUp() }
    return unsafe hub.assumingMemoryBound(to: GreenletHub.self)
  }

  // MARK: - The list of the started

  @inlinable @inline(__always) mutating func link(_ cell: GreenletCell) {
    unsafe cell.core.pointee.previous = nil
    unsafe cell.core.pointee.next = started
    unsafe started?.pointee.previous = cell.core
    unsafe started = cell.core
  }

  @inlinable @inline(__always) mutating func unlink(_ cell: GreenletCell) {
    let (previous, next) = unsafe (cell.core.pointee.previous, cell.core.pointee.next)
    if let previous = unsafe previous {
      unsafe previous.pointee.next = next
    } else {
      unsafe started = next
    }
    unsafe next?.pointee.previous = previous
  }
}
