// What the two sides of a coroutine share: raw memory below the head of its own stack.

import CSanitizers
public import CSwitch
public import Stacks

/// The state of a coroutine.
///
///     suspended --enter--> running --leave--> suspended --enter--> running ... --> finished
///
/// A coroutine that has not started is suspended before its body. In raw memory, not in a class: a
/// class property is checked for exclusivity at run time on every access, and that costs several
/// times what the switch costs. The core stays on the stack when the coroutine is gone, and its
/// first frame waits there for another body.
///
/// Invariant: both sides run on one thread, one at a time, and the tag says which. So no two
/// accesses to the fields ever overlap.
@safe @usableFromInline struct CoroutineCore {
  /// What the tag of the pair says; see CSwitch.h.
  @frozen @usableFromInline enum Status: UInt8 {
    case suspended, running, finished

    /// Running, and told to end: one test finds that and misuse.
    case ending
  }

  /// The resumer's context while the coroutine runs, and its own while it does not.
  ///
  /// It comes first: `pair` counts on it.
  @usableFromInline var contexts = unsafe gb_pair()

  /// The thread's head of open exclusive accesses.
  @usableFromInline var accesses: UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// Takes the body out of `body`, runs it, and leaves with its result.
  ///
  /// Captures nothing where it is specialised, so that making it allocates nothing; see
  /// SharedStarts.swift. Uninitialised from the moment it runs: the bits stay, for `startBits`.
  ///
  /// - Returns: The word for the next body on this stack.
  @usableFromInline var start: Start?

  /// A function in a structure: as itself it would be wrapped for generic memory.
  @frozen @usableFromInline struct Start {
    @usableFromInline let run: (CoroutineCell, UInt) -> UInt
    @inlinable init(run: @escaping (CoroutineCell, UInt) -> UInt) { self.run = run }
  }

  /// The body, or the address of a large one on the heap.
  @usableFromInline var body: (UInt, UInt, UInt, UInt) = (0, 0, 0, 0)

  /// Where the coroutine was made, for a report of its overflow.
  @usableFromInline var site: CreationSite = .unknown
  @usableFromInline var failure: (any Error)?
  @usableFromInline var long: LongWay

  /// What only switches that take the long way need.
  @unsafe @usableFromInline struct LongWay {
    var ownsFloatEnvironment = false

    /// Whether more than the contexts is exchanged on every switch.
    var isAlways = false

    /// The head of the open accesses of the side that does not run.
    var otherAccesses: UnsafeMutableRawPointer?
    var floatInside = gb_float_environment()
    var floatOutside = gb_float_environment()
    var fiberInside = unsafe gb_fiber()
    var fiberOutside = unsafe gb_fiber()
    var accessesInside: gb_access_state = gb_access_state()
    var accessesOutside: gb_access_state = gb_access_state()
  }

  @usableFromInline init(accesses: UnsafeMutablePointer<UnsafeMutableRawPointer?>) {
    unsafe self.accesses = accesses
    unsafe long = LongWay()
  }

  /// The name under which its first frame waits on an idle stack.
  @inlinable static var parkingName: UInt { 0x636f_726f }

  /// The name of one whose switches took the long way: it is laid anew.
  static var longParkingName: UInt { 0x636f_726c }

  /// Bytes below a head that a core takes, whole lines.
  @inlinable static var room: Int { 448 }
}

/// A pointer to a core, and what both sides do with it.
@safe @frozen @usableFromInline struct CoroutineCell {
  // Invariant: points below the head of a lent stack, until `release`.
  @usableFromInline let core: UnsafeMutablePointer<CoroutineCore>

  @inlinable @inline(__always) init(core: UnsafeMutablePointer<CoroutineCore>) {
    unsafe self.core = core
  }

  @inlinable @inline(__always) var pair: UnsafeMutablePointer<gb_pair> {
    unsafe UnsafeMutableRawPointer(core).assumingMemoryBound(to: gb_pair.self)
  }

  /// The head of the stack that the core lies on.
  @inlinable @inline(__always) var head: UnsafeMutablePointer<StackHead> {
    unsafe (UnsafeMutableRawPointer(core) + CoroutineCore.room)
      .assumingMemoryBound(to: StackHead.self)
  }

  /// Makes a coroutine that is ready, on a stack of the pool.
  @inlinable @inline(__always) init(on stacks: StackPool.Address) throws(StackError) {
    let head = unsafe try stacks.lend().head
    // SAFETY: `room` bytes below the head of a stack that this call owns; it has 16 KiB at least.
    let place = unsafe gb_opaque(UnsafeMutableRawPointer(head) - CoroutineCore.room)
      .unsafelyUnwrapped
    unsafe core = place.assumingMemoryBound(to: CoroutineCore.self)
    if unsafe head.pointee.parked == CoroutineCore.parkingName {
      setSuspended()
      let accesses = unsafe UnsafeMutableRawPointer(gb_accesses())
        .assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
      // Nearly always the thread is the same, and a comparison is cheaper than a store.
      if unsafe core.pointee.accesses != accesses { unsafe core.pointee.accesses = accesses }
    } else {
      lay()
    }
  }

  /// Writes a core, and the first frame below it.
  @usableFromInline @inline(never) func lay() {
    assert(MemoryLayout<CoroutineCore>.size <= CoroutineCore.room)
    if unsafe head.pointee.parked == CoroutineCore.longParkingName { forgetLongWay() }
    unsafe core.initialize(
      to: CoroutineCore(
        accesses: UnsafeMutableRawPointer(gb_accesses())
          .assumingMemoryBound(to: UnsafeMutableRawPointer?.self)))
    // SAFETY: the frames begin right below the core.
    unsafe gb_context_init(&core.pointee.contexts.saved, core, coroutineMain, core)
    unsafe head.pointee.parked = CoroutineCore.parkingName
    if gb_sanitizers_are_on() || !gb_accesses_are_found() { prepareLongWay() }
  }

  // MARK: - The switch

  @inlinable @inline(__always) var status: CoroutineCore.Status {
    // SAFETY: two bits, and each of their four values is a case.
    unsafe unsafeBitCast(gb_pair_tag(pair) & 3, to: CoroutineCore.Status.self)
  }

  /// Makes a finished coroutine, whose first frame waits, one that is about to start.
  @inlinable @inline(__always) func setSuspended() {
    let word = unsafe UnsafeMutableRawPointer(core).assumingMemoryBound(to: UInt.self)
    // A subtraction, because of a mask the compiler would write one byte, and the load of all eight
    // that follows would have to wait for it.
    unsafe word.pointee &-= UInt(CoroutineCore.Status.finished.rawValue)
  }

  /// Whether the running side has an access open.
  @inlinable @inline(__always) var hasOpenAccess: Bool {
    unsafe core.pointee.accesses.pointee != nil
  }

  /// Continues the coroutine until it leaves.
  ///
  /// - Precondition: It is suspended, and we are on the resumer's stack.
  ///
  /// - Returns: The coroutine's word.
  @inlinable @inline(__always) func enter(sending word: UInt) -> UInt {
    let isUsual = unsafe gb_pair_tag(pair) == CoroutineCore.Status.suspended.rawValue
    guard _fastPath(isUsual), _fastPath(!hasOpenAccess) else {
      return enterTheLongWay(sending: word, as: .running)
    }
    // SAFETY: by the tag the coroutine's context is saved, and this is its first use since.
    return unsafe gb_pair_enter(pair, word)
  }

  /// Goes back to the resumer.
  ///
  /// - Precondition: We are on the coroutine's stack.
  ///
  /// - Returns: The next resumer's word.
  @inlinable @inline(__always) func suspend(sending word: UInt) -> UInt {
    let isUsual = unsafe gb_pair_tag(pair) == CoroutineCore.Status.running.rawValue
    guard _fastPath(isUsual), _fastPath(!hasOpenAccess) else {
      return leaveTheLongWay(sending: word, as: .suspended)
    }
    // SAFETY: we are the coroutine, and the resumer waits in `enter`.
    return unsafe gb_pair_suspend(pair, word)
  }

  /// Goes back to the resumer, the body being over.
  ///
  /// - Returns: The first resumer's word of the next body on this stack.
  @inlinable @inline(__always) func finish(sending word: UInt) -> UInt {
    let isUsual = unsafe gb_pair_tag(pair) == CoroutineCore.Status.running.rawValue
    guard _fastPath(isUsual), _fastPath(!hasOpenAccess) else {
      return leaveTheLongWay(sending: word, as: .finished)
    }
    // SAFETY: as in `suspend`.
    return unsafe gb_pair_finish(pair, word)
  }

  // MARK: - The body

  @inlinable @inline(__always) static func fitsBody<Body>(_: Body.Type) -> Bool {
    MemoryLayout<Body>.size <= 32 && MemoryLayout<Body>.alignment <= 8
  }

  @inlinable @inline(__always) var bodyPlace: UnsafeMutableRawPointer {
    // SAFETY: the offset of the field in this frozen structure.
    unsafe UnsafeMutableRawPointer(core)
      + MemoryLayout<CoroutineCore>.offset(of: \.body).unsafelyUnwrapped
  }

  @inlinable @inline(__always) var startPlace: UnsafeMutableRawPointer {
    // SAFETY: the offset of the field in this frozen structure.
    unsafe UnsafeMutableRawPointer(core)
      + MemoryLayout<CoroutineCore>.offset(of: \.start).unsafelyUnwrapped
  }

  /// Keeps what runs the body until it starts.
  @inlinable @inline(__always) func keep(start: @escaping (CoroutineCell, UInt) -> UInt) {
    // SAFETY: the place is uninitialised, so there is nothing to release.
    unsafe startPlace.initializeMemory(
      as: CoroutineCore.Start?.self, to: CoroutineCore.Start(run: start))
  }

  /// The function and the captures of what was kept, as bits.
  @inlinable @inline(__always) var startBits: (UInt, UInt) {
    unsafe startPlace.load(as: (UInt, UInt).self)
  }

  /// What runs the body; whoever takes it owns it.
  @inline(__always) func takeStart() -> CoroutineCore.Start {
    // SAFETY: `keep` initialised it for this body.
    let start = unsafe startPlace.assumingMemoryBound(to: CoroutineCore.Start?.self).move()
    guard let start else { preconditionFailure("a coroutine without a body") }
    return start
  }

  /// Keeps a body until it starts.
  @inlinable @inline(__always) func put<Body>(body: consuming Body) {
    if Self.fitsBody(Body.self) {
      unsafe bodyPlace.initializeMemory(as: Body.self, to: body)
    } else {
      putLarge(body: body)
    }
  }

  @inlinable @inline(never) func putLarge<Body>(body: __owned Body) {
    let place = UnsafeMutablePointer<Body>.allocate(capacity: 1)
    unsafe place.initialize(to: body)
    unsafe core.pointee.body.0 = UInt(bitPattern: place)
  }

  /// Takes the body that was kept.
  @inlinable @inline(__always) func takeBody<Body>(_: Body.Type) -> Body {
    if Self.fitsBody(Body.self) {
      return unsafe bodyPlace.assumingMemoryBound(to: Body.self).move()
    }
    return takeLargeBody()
  }

  @inlinable @inline(never) func takeLargeBody<Body>() -> Body {
    // SAFETY: putLarge wrote it; taken once.
    let place = unsafe UnsafeMutablePointer<Body>(bitPattern: core.pointee.body.0)
      .unsafelyUnwrapped
    defer { unsafe place.deallocate() }
    return unsafe place.move()
  }
}

/// The first frame of every coroutine, and of every later one on the same stack.
///
/// Holds nothing while it waits but a count of what started the last body; see SharedStarts.swift.
private func coroutineMain(_ argument: UnsafeMutableRawPointer?, _ first: UInt) {
  guard let argument = unsafe argument else { preconditionFailure("a coroutine without a core") }
  // SAFETY: `argument` is the core that `lay` passed.
  let cell = unsafe CoroutineCell(
    core: argument.assumingMemoryBound(to: CoroutineCore.self))
  if unsafe cell.core.pointee.long.isAlways { cell.arriveTheLongWay() }
  var word = first
  while true { word = start(cell, word) }
}

@inline(__always) private func start(_ cell: CoroutineCell, _ word: UInt) -> UInt {
  cell.takeStart().run(cell, word)
}
