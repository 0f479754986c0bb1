// What the two sides of a coroutine share: raw memory on the hot top line of its own stack.

public import CSwitch
public import Stacks

/// The state of a coroutine.
///
///     ready --enter--> running --leave--> suspended --enter--> running ... --> finished
///
/// In raw memory, not in a class: a class property is checked for exclusivity at run time on every
/// access, and that costs several times what the switch costs.
///
/// Invariant: both sides run on one thread, one at a time, and `status` says which. So no two
/// accesses to the fields ever overlap.
@safe @frozen @usableFromInline struct CoroutineCore {
  @frozen @usableFromInline enum Status: UInt8 {
    case ready, suspended, running, finished

    /// Running, and told to end: one test finds that and misuse.
    case ending
  }

  // The two contexts come first: `contexts` counts on it.
  @usableFromInline var outside = unsafe gb_context()
  @usableFromInline var inside = unsafe gb_context()

  /// A value of up to two words on its way, either direction.
  @usableFromInline var slot: (UInt, UInt) = (0, 0)

  /// Where a larger value is on its way, on the sender's stack or (a result) on the heap.
  @usableFromInline var message: UnsafeMutableRawPointer?
  @usableFromInline var status = Status.ready
  @usableFromInline var ownsFloatEnvironment = false

  /// The thread's head of open exclusive accesses, and the heads that are not in force.
  @usableFromInline let accesses: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  @usableFromInline var accessesInside: UnsafeMutableRawPointer?
  @usableFromInline var accessesOutside: UnsafeMutableRawPointer?

  @usableFromInline var floatInside = gb_float_environment()
  @usableFromInline var floatOutside = gb_float_environment()
  @usableFromInline var failure: (any Error)?

  /// Runs the body to its end, and lets go of it.
  @usableFromInline var start: ((UnsafeMutablePointer<CoroutineCore>) -> Void)?

  // The stack under this very memory, in parts: a noncopyable value cannot be moved out of it.
  @usableFromInline let stackBase: UnsafeMutableRawPointer
  @usableFromInline let mappedSize: ByteCount
  @usableFromInline let guardSize: ByteCount
  @usableFromInline let colour: Int
  @usableFromInline let pool: StackPoolReference

  @usableFromInline init(
    stack: borrowing Stack, colour: Int, pool: StackPoolReference,
    start: @escaping (UnsafeMutablePointer<CoroutineCore>) -> Void
  ) {
    unsafe accesses = UnsafeMutableRawPointer(gb_accesses())
      .assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
    unsafe stackBase = stack.base
    mappedSize = stack.mappedSize
    guardSize = stack.guardSize
    self.colour = colour
    self.pool = pool
    unsafe self.start = start
  }
}

/// A pointer to a core, and what both sides do with it.
@safe @frozen @usableFromInline struct CoroutineCell {
  // Invariant: points into the stack that the core describes, until `release`.
  @usableFromInline let core: UnsafeMutablePointer<CoroutineCore>

  @usableFromInline init(core: UnsafeMutablePointer<CoroutineCore>) { unsafe self.core = core }

  /// Makes a coroutine that is ready, on a stack of the pool.
  @usableFromInline init(
    on stacks: StackPool, floatEnvironment: FloatEnvironment,
    start: @escaping (UnsafeMutablePointer<CoroutineCore>) -> Void
  ) throws(StackError) {
    let stack = try stacks.lend()
    // SAFETY: the top of a stack that this call owns; 512 bytes hold the core, and a stack has at
    // least 16 KiB.
    let place = unsafe UnsafeMutableRawPointer(
      bitPattern: (UInt(bitPattern: stack.top) - 512) & ~63)
    assert(MemoryLayout<CoroutineCore>.size <= 512)
    guard let place = unsafe place else { preconditionFailure("a stack at address zero") }
    unsafe core = place.bindMemory(to: CoroutineCore.self, capacity: 1)
    unsafe core.initialize(
      to: CoroutineCore(
        stack: stack, colour: stack.colour, pool: stacks.reference, start: start))
    unsafe core.pointee.ownsFloatEnvironment = floatEnvironment == .own
    unsafe core.pointee.floatInside = gb_float_save()
    // SAFETY: the frames begin right below the core.
    unsafe gb_context_init(contexts + 1, core, coroutineMain, core)
  }

  /// The contexts: [0] is the resumer's while the coroutine runs, [1] its own while it does not.
  @inlinable var contexts: UnsafeMutablePointer<gb_context> {
    unsafe UnsafeMutableRawPointer(core).assumingMemoryBound(to: gb_context.self)
  }

  /// Continues the coroutine until it leaves.
  ///
  /// - Precondition: It is ready or suspended, and we are on the resumer's stack.
  ///
  /// - Returns: This cell, out of a register.
  @inlinable @inline(__always) @discardableResult func enter(
    as status: CoroutineCore.Status = .running
  ) -> CoroutineCell {
    unsafe core.pointee.status = status
    unsafe core.pointee.accessesOutside = core.pointee.accesses.pointee
    unsafe core.pointee.accesses.pointee = core.pointee.accessesInside
    if unsafe core.pointee.ownsFloatEnvironment { enterFloat() }
    // SAFETY: by the status the coroutine is saved in [1], and this is its first use since.
    let own = unsafe gb_switch(contexts, contexts + 1)
    // SAFETY: `own` is contexts + 0, where the core begins, and never nil.
    return unsafe CoroutineCell(
      core: UnsafeMutableRawPointer(own.unsafelyUnwrapped).assumingMemoryBound(
        to: CoroutineCore.self))
  }

  /// Goes back to the resumer.
  ///
  /// - Precondition: We are on the coroutine's stack.
  @inlinable @inline(__always) func leave(as status: CoroutineCore.Status) {
    unsafe core.pointee.status = status
    unsafe core.pointee.accessesInside = core.pointee.accesses.pointee
    unsafe core.pointee.accesses.pointee = core.pointee.accessesOutside
    if unsafe core.pointee.ownsFloatEnvironment { leaveFloat() }
    // SAFETY: we are the coroutine, and the resumer waits in `enter`, saved in [0].
    _ = unsafe gb_switch(contexts + 1, contexts)
  }

  @usableFromInline @inline(never) func enterFloat() {
    unsafe core.pointee.floatOutside = gb_float_save()
    unsafe gb_float_load(core.pointee.floatInside)
  }

  @usableFromInline @inline(never) func leaveFloat() {
    unsafe core.pointee.floatInside = gb_float_save()
    unsafe gb_float_load(core.pointee.floatOutside)
  }

  /// Whether values of a type travel in the slot.
  @inlinable @inline(__always) static func fits<Value>(_: Value.Type) -> Bool {
    MemoryLayout<Value>.size <= 16 && MemoryLayout<Value>.alignment <= 8
  }

  @inlinable @inline(__always) var slot: UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(core) + 2 * MemoryLayout<gb_context>.stride
  }

  /// Hands a value over and enters.
  ///
  /// - Returns: This cell, out of a register.
  @inlinable @inline(__always) func enter<Value>(
    sending value: __owned Value
  ) -> CoroutineCell {
    if Self.fits(Value.self) {
      unsafe slot.initializeMemory(as: Value.self, to: value)
      return enter()
    }
    sendLarge(value) { _ = enter() }
    return self
  }

  /// Hands a value over and leaves.
  @inlinable @inline(__always) func leave<Value>(sending value: __owned Value) {
    if Self.fits(Value.self) {
      unsafe slot.initializeMemory(as: Value.self, to: value)
      leave(as: .suspended)
    } else {
      sendLarge(value) { leave(as: .suspended) }
    }
  }

  // The value stays on the sender's stack; the receiver moves it out while the sender is suspended.
  @inlinable @inline(__always) func sendLarge<Value>(
    _ value: __owned Value, _ transfer: () -> Void
  ) {
    unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { place in
      unsafe place.initializeElement(at: 0, to: value)
      unsafe core.pointee.message = UnsafeMutableRawPointer(place.baseAddress)
      transfer()
    }
  }

  /// Takes the value that was handed over.
  @inlinable @inline(__always) func receive<Value>(_: Value.Type) -> Value {
    if Self.fits(Value.self) {
      return unsafe slot.assumingMemoryBound(to: Value.self).move()
    }
    guard let message = unsafe core.pointee.message else {
      preconditionFailure("a coroutine without its message")
    }
    return unsafe message.assumingMemoryBound(to: Value.self).move()
  }

  /// Gives the stack back.
  ///
  /// Nothing may use the cell afterwards.
  ///
  /// - Precondition: Ready or finished.
  @usableFromInline func release() {
    unsafe precondition(core.pointee.status == .ready || core.pointee.status == .finished)
    let pool = unsafe core.pointee.pool
    // SAFETY: the parts are those of the stack that `init` took; no context runs on it any more.
    let stack = unsafe Stack(
      limit: core.pointee.stackBase, mappedSize: core.pointee.mappedSize,
      guardSize: core.pointee.guardSize, colour: core.pointee.colour)
    unsafe core.deinitialize(count: 1)
    pool.takeBack(stack)
  }
}

/// The first frame of every coroutine.
///
/// Never returns, and holds no reference when it leaves for the last time: what is abandoned is
/// never released.
private func coroutineMain(_ argument: UnsafeMutableRawPointer?) {
  guard let argument = unsafe argument else { preconditionFailure("a coroutine without a core") }
  // SAFETY: `argument` is the core that CoroutineCell.init passed.
  let cell = unsafe CoroutineCell(
    core: argument.assumingMemoryBound(to: CoroutineCore.self))
  runBody(cell)
  cell.leave(as: .finished)
  fatalError("a finished coroutine was resumed")
}

@inline(never) private func runBody(_ cell: CoroutineCell) {
  guard let start = unsafe cell.core.pointee.start.take() else {
    preconditionFailure("a coroutine without a body")
  }
  unsafe start(cell.core)
}
