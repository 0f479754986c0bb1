// The engine's acts: set-up of a thread, the transfer, delivery of messages, death and reaping.

public import CSwitch
import Stacks

extension GreenletHub {
  /// This thread's hub, set up on first use.
  @inlinable @inline(__always) static func ofThisThread() -> UnsafeMutablePointer<GreenletHub> {
    guard let hub = unsafe gb_hub_get() else { return unsafe setUp() }
    return unsafe hub.assumingMemoryBound(to: GreenletHub.self)
  }

  @usableFromInline @inline(never) static func setUp() -> UnsafeMutablePointer<GreenletHub> {
    let hub = UnsafeMutablePointer<GreenletHub>.allocate(capacity: 1)
    let main = UnsafeMutablePointer<GreenletCore>.allocate(capacity: 1)
    unsafe main.initialize(to: GreenletCore(state: .running, hub: hub, name: "main"))
    unsafe hub.initialize(
      to: GreenletHub(
        current: main,
        accesses: UnsafeMutableRawPointer(gb_accesses())
          .assumingMemoryBound(to: UnsafeMutableRawPointer?.self)))
    unsafe gb_hub_set(hub)
    unsafe hub.pointee.main = Greenlet(core: main)
    return unsafe hub
  }

  /// The greenlet that a switch to `core` continues: itself, or its nearest living ancestor.
  @inlinable @inline(__always) static func target(
    _ core: UnsafeMutablePointer<GreenletCore>, from hub: UnsafeMutablePointer<GreenletHub>
  ) throws -> UnsafeMutablePointer<GreenletCore> {
    if unsafe core.pointee.state == .suspended && core.pointee.hub == hub { return unsafe core }
    return try unsafe unusualTarget(core, from: hub)
  }

  @usableFromInline @inline(never) static func unusualTarget(
    _ core: UnsafeMutablePointer<GreenletCore>, from hub: UnsafeMutablePointer<GreenletHub>
  ) throws -> UnsafeMutablePointer<GreenletCore> {
    guard unsafe core.pointee.hub == hub else {
      throw GreenletError.wrongThread(
        greenlet: unsafe core.pointee.name, current: unsafe hub.pointee.current.pointee.name)
    }
    let target = unsafe living(core)
    if unsafe target.pointee.state == .unstarted { try unsafe takeStack(target) }
    return unsafe target
  }

  /// `core`, or its nearest ancestor that is not dead.
  ///
  /// Main never dies.
  static func living(_ core: UnsafeMutablePointer<GreenletCore>)
    -> UnsafeMutablePointer<GreenletCore>
  {
    var one = unsafe core
    while unsafe one.pointee.state == .dead {
      guard let parent = unsafe one.pointee.parent else {
        preconditionFailure("a dead greenlet without a parent")
      }
      unsafe one = parent.core
    }
    return unsafe one
  }

  /// Gives an unstarted greenlet its stack.
  static func takeStack(_ core: UnsafeMutablePointer<GreenletCore>) throws(GreenletError) {
    let hub = unsafe core.pointee.hub
    let pool: StackPool
    if let own = unsafe core.pointee.stacks {
      pool = own
    } else if let shared = unsafe hub.pointee.stacks {
      pool = shared
    } else {
      pool = StackPool(stackSize: .kibibytes(64))
      unsafe hub.pointee.stacks = pool
    }
    do {
      let stack = try pool.lend()
      unsafe core.pointee.stack = GreenletCore.StackParts(
        base: stack.base, mappedSize: stack.mappedSize, guardSize: stack.guardSize,
        colour: stack.colour, pool: pool.reference)
      // SAFETY: the whole stack is this greenlet's, and its core outlives it.
      unsafe withUnsafeMutablePointer(to: &core.pointee.context) { context in
        unsafe gb_context_init(context, stack.top, greenletMain, core)
      }
    } catch {
      throw .noStack(greenlet: unsafe core.pointee.name, reason: error.description)
    }
  }

  /// Leaves the current greenlet and continues another one.
  @inlinable @inline(__always) static func transfer(
    _ hub: UnsafeMutablePointer<GreenletHub>, to target: UnsafeMutablePointer<GreenletCore>
  ) {
    let leaving = unsafe hub.pointee.current
    if unsafe leaving == target { return }
    let accesses = unsafe hub.pointee.accesses
    unsafe leaving.pointee.accesses = unsafe accesses.pointee
    unsafe accesses.pointee = target.pointee.accesses
    unsafe leaving.pointee.state = .suspended
    unsafe target.pointee.state = .running
    unsafe hub.pointee.current = target
    // SAFETY: by the states the target is saved in its context, which comes first in a core, and
    // this is its first use since.
    _ = unsafe gb_switch(
      UnsafeMutableRawPointer(leaving).assumingMemoryBound(to: gb_context.self),
      UnsafeMutableRawPointer(target).assumingMemoryBound(to: gb_context.self))
  }

  // MARK: - Messages

  /// Takes what the last switch brought here.
  @inlinable @inline(__always) mutating func receive<Value>() throws -> Value {
    if failure == nil && !hasRemains && messageType == Value.self {
      guard let place = unsafe message.take() else {
        preconditionFailure("a switch without a message")
      }
      return unsafe place.assumingMemoryBound(to: Value.self).move()
    }
    return try receiveUnusual()
  }

  @usableFromInline @inline(never) mutating func receiveUnusual<Value>() throws -> Value {
    defer { reapDeparted() }
    if let error = failure.take() { throw error }
    guard let place = unsafe message.take() else {
      preconditionFailure("a switch without a message")
    }
    let sent = messageType
    if sent == Value.self { return unsafe place.assumingMemoryBound(to: Value.self).move() }
    let value = unsafe Self.box(sent, at: place)
    if let same = value as? Value, Value.self == Any.self { return same }
    if let discarded = Discarded() as? Value { return discarded }
    throw GreenletError.typeMismatch(
      receiver: unsafe current.pointee.name, expected: "\(Value.self)", received: "\(sent)")
  }

  /// Moves a value of any type into a box.
  private static func box<Value>(_: Value.Type, at place: UnsafeMutableRawPointer) -> Any {
    unsafe place.assumingMemoryBound(to: Value.self).move()
  }

  /// Destroys the message under way.
  mutating func discardMessage() {
    guard let place = unsafe message.take() else { return }
    _ = unsafe Self.box(messageType, at: place)
    if let memory = unsafe heapMessage.take() { unsafe memory.deallocate() }
  }

  /// Leaves the result of a body for the parent.
  @usableFromInline mutating func leave<Output>(result: consuming Output) {
    // On the heap, since the frame that made it is gone when it is taken.
    let place = UnsafeMutablePointer<Output>.allocate(capacity: 1)
    unsafe place.initialize(to: result)
    unsafe message = UnsafeMutableRawPointer(place)
    unsafe heapMessage = UnsafeMutableRawPointer(place)
    messageType = Output.self
    hasRemains = true
  }

  // MARK: - Life and death

  /// Prepares a throw: kills what has not started, and finds who gets the error.
  ///
  /// - Returns: The greenlet to continue; its message or failure is in the hub.
  static func deliver(
    _ error: any Error, to core: UnsafeMutablePointer<GreenletCore>,
    on hub: UnsafeMutablePointer<GreenletHub>
  ) -> UnsafeMutablePointer<GreenletCore> {
    var one = unsafe core
    var hasDied = unsafe core.pointee.state == .dead
    while true {
      unsafe one = living(one)
      guard unsafe one.pointee.state == .unstarted else { break }
      if hasDied, error is GreenletExit, (try? unsafe takeStack(one)) != nil {
        // An exit that left a dead greenlet is a value, and a value starts an unstarted ancestor.
        // Without a stack for it (try?) the ancestor dies too, and its own is asked.
        break
      }
      unsafe one.pointee.state = .dead
      unsafe one.pointee.start = nil
      hasDied = true
    }
    if hasDied, let exit = error as? GreenletExit {
      unsafe hub.pointee.leave(result: exit)
    } else {
      unsafe hub.pointee.failure = error
    }
    return unsafe one
  }

  /// Ends the current greenlet, and finds who gets what it left.
  ///
  /// The body is over.
  static func die(_ core: UnsafeMutablePointer<GreenletCore>) -> UnsafeMutablePointer<GreenletCore>
  {
    let hub = unsafe core.pointee.hub
    unsafe core.pointee.state = .dead
    unsafe hub.pointee.departed = core
    unsafe hub.pointee.hasRemains = true
    if let error = unsafe hub.pointee.failure.take() {
      return unsafe deliver(error, to: core, on: hub)
    }
    let heir = unsafe living(core)
    guard unsafe heir.pointee.state == .unstarted else { return unsafe heir }
    do {
      try unsafe takeStack(heir)
      return unsafe heir
    } catch {
      // Nobody gets the result: the error that there is no stack takes its place.
      unsafe hub.pointee.discardMessage()
      unsafe heir.pointee.state = .dead
      return unsafe deliver(error, to: heir, on: hub)
    }
  }

  /// Gives the departed greenlet's stack back, and frees what nobody holds.
  @usableFromInline mutating func reapDeparted() {
    hasRemains = false
    if let place = unsafe heapMessage.take() { unsafe place.deallocate() }
    guard let core = unsafe departed.take() else { return }
    unsafe Self.giveBackStack(core)
    unsafe lastReaped = core
    // The last handle frees the core when it goes, at the end of this function.
    let held = adopted.filter { unsafe $0.core == core }
    adopted.removeAll { unsafe $0.core == core }
    if held.isEmpty { unsafe Self.freeIfUnheld(core) }
  }

  static func giveBackStack(_ core: UnsafeMutablePointer<GreenletCore>) {
    guard let parts = unsafe core.pointee.stack.take() else { return }
    // SAFETY: the parts are those that `takeStack` took; the greenlet is dead and has left.
    parts.pool.takeBack(
      unsafe Stack(
        limit: parts.base, mappedSize: parts.mappedSize, guardSize: parts.guardSize,
        colour: parts.colour))
  }

  static func freeIfUnheld(_ core: UnsafeMutablePointer<GreenletCore>) {
    guard unsafe core.pointee.handle == nil else { return }
    unsafe core.deinitialize(count: 1)
    unsafe core.deallocate()
  }
}

/// The first frame of every greenlet.
///
/// Holds no reference when it leaves for the last time.
private func greenletMain(_ argument: UnsafeMutableRawPointer?) {
  guard let argument = unsafe argument else { preconditionFailure("a greenlet without a core") }
  // SAFETY: `argument` is the core that takeStack passed.
  let core = unsafe argument.assumingMemoryBound(to: GreenletCore.self)
  let heir = unsafe runBody(core)
  // `transfer` would call a dead greenlet suspended.
  unsafe GreenletHub.depart(core, to: heir)
  fatalError("a dead greenlet was continued")
}

@inline(never) private func runBody(
  _ core: UnsafeMutablePointer<GreenletCore>
) -> UnsafeMutablePointer<GreenletCore> {
  // A scope of its own, so that the body's captures go before the greenlet dies.
  do {
    guard let start = unsafe core.pointee.start.take() else {
      preconditionFailure("a greenlet without a body")
    }
    start()
  }
  return unsafe GreenletHub.die(core)
}
