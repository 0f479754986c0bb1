// The switch: what every message takes, and how it is received.

public import CSwitch
public import Synchronization

extension Greenlet {
  /// Continues this greenlet with a message, until somebody switches back here.
  ///
  /// An unstarted greenlet starts with the message as its argument. A dead one stands for its nearest
  /// living ancestor. Switching to the current greenlet returns the message at once.
  ///
  /// The call may never return: that is up to the others. They run meanwhile, and may change anything
  /// that is shared, end greenlets and give this one another parent.
  ///
  /// - Parameter message: Any value; it is moved to the receiver.
  /// - Returns: What was sent back, by whomever.
  /// - Throws: What was thrown into the caller. A refusal, after which the greenlet is as it was:
  ///   ``GreenletError/wrongThread(greenlet:current:)``,
  ///   ``GreenletError/threadEnded(greenlet:current:)``, ``GreenletError/noBody(greenlet:)``,
  ///   ``GreenletError/noStack(greenlet:reason:)``, ``GreenletError/exitSwallowed(greenlet:)`` or
  ///   ``GreenletError/injected(greenlet:current:)``. When the caller is sent something of another
  ///   type: ``GreenletError/typeMismatch(receiver:expected:received:)``; what was sent is gone then.
  /// - Complexity: O(1), no allocation; O(ancestors) for a dead greenlet.
  /// - Precondition: Not called by a signal handler: checked in debug builds, for handlers that have
  ///   a stack of their own.
  @inlinable @inline(__always) public func `switch`<Sent, Reply>(
    _ message: consuming Sent
  ) throws -> Reply {
    assert(!gb_is_on_signal_stack(), "a signal handler switched; leave a note and return instead")
    let cell = unsafe GreenletCell(core: core)
    // A greenlet of this hub proves that the thread has one.
    let hub = unsafe gb_hub_get()?.assumingMemoryBound(to: GreenletHub.self)
    return try Message.sending(message) { word in
      guard let hub = unsafe hub, unsafe _fastPath(cell.isUsual(on: hub)) else {
        return try cell.switchTheLongWay(sending: word, Sent.self)
      }
      unsafe hub.pointee.messageType = Sent.self
      let from = unsafe hub.pointee.current
      unsafe hub.pointee.current = cell.core
      // SAFETY: a usual greenlet is suspended and saved in its context, or it is the current one,
      // whose context is written before it is read.
      let arrival = unsafe gb_switch(GreenletCell(core: from).context, cell.context, word)
      return try unsafe hub.pointee.receive(arrival.word)
    }
  }

  /// Continues this greenlet without a message, until somebody switches back here.
  ///
  /// The message is `Void`; otherwise as ``switch(_:)->_``.
  ///
  /// - Returns: What was sent back, by whomever.
  /// - Throws: As ``switch(_:)->_`` does.
  @inlinable @inline(__always) public func `switch`<Reply>() throws -> Reply { try `switch`(()) }

  /// Continues this greenlet with a message, and discards what is sent back.
  ///
  /// Whatever is sent back, its type does not matter; otherwise as ``switch(_:)->_``.
  ///
  /// - Parameter message: Any value; it is moved to the receiver.
  /// - Throws: As ``switch(_:)->_`` does, but no mismatch.
  @inlinable @inline(__always) public func `switch`<Sent>(_ message: consuming Sent) throws {
    let _: Discarded = try `switch`(message)
  }

  /// Continues this greenlet without a message, and discards what is sent back.
  ///
  /// The message is `Void`; otherwise as ``switch(_:)->()``.
  ///
  /// - Throws: As ``switch(_:)->()`` does.
  @inlinable @inline(__always) public func `switch`() throws {
    let _: Discarded = try `switch`(())
  }

  /// Continues this greenlet by throwing an error from its pending switch.
  ///
  /// An unstarted greenlet starts only to die of it before its body, and the error goes to its parent.
  /// A dead one stands for its nearest living ancestor, who gets a ``GreenletExit`` as a value. Thrown
  /// into the current greenlet, the error comes out right here.
  ///
  /// Like a switch it may never return, and others run meanwhile. To end a greenlet and get control
  /// back, use ``kill(tries:)``.
  ///
  /// - Parameter error: Any error.
  /// - Returns: What was sent back, by whomever.
  /// - Throws: As ``switch(_:)->_`` does.
  /// - Complexity: O(1); O(ancestors) for a dead or unstarted greenlet. Takes the long way.
  public func `throw`<Reply>(_ error: any Error = GreenletExit()) throws -> Reply {
    assert(!gb_is_on_signal_stack(), "a signal handler switched; leave a note and return instead")
    let cell = unsafe GreenletCell(core: core)
    return try cell.throwing(error)
  }

  /// Throws an error into this greenlet, and discards what is sent back.
  ///
  /// Otherwise as ``throw(_:)->_``.
  ///
  /// - Parameter error: Any error.
  /// - Throws: As ``switch(_:)->()`` does.
  public func `throw`(_ error: any Error = GreenletExit()) throws {
    let _: Discarded = try `throw`(error)
  }
}

extension GreenletCell {
  /// Whether a switch to this greenlet has nothing to look at but the contexts.
  @inlinable @inline(__always) func isUsual(
    on hub: UnsafeMutablePointer<GreenletHub>
  ) -> Bool {
    unsafe core.pointee.usualHub == hub && hub.pointee.watch.load(ordering: .relaxed) == 0
      && hub.pointee.accesses.pointee == nil
  }

  /// As `switch`, whatever there is to look at.
  @inlinable @inline(never) func switchTheLongWay<Sent, Reply>(
    sending word: UInt, _: Sent.Type
  ) throws -> Reply {
    let hub = unsafe GreenletHub.ofThisThread()
    if let head = unsafe takeIdleStack(hub) {
      unsafe start(on: hub, head)
      unsafe hub.pointee.messageType = Sent.self
      let from = unsafe hub.pointee.current
      unsafe hub.pointee.current = core
      // SAFETY: `start` made the target one that is saved in its context.
      let arrival = unsafe gb_switch(GreenletCell(core: from).context, context, word)
      return try unsafe hub.pointee.receive(arrival.word)
    }
    let word = try unsafe GreenletHub.switchTheLongWay(hub, to: self, word, Sent.self)
    return try unsafe hub.pointee.receive(word)
  }

  func throwing<Reply>(_ error: any Error) throws -> Reply {
    let hub = unsafe GreenletHub.ofThisThread()
    let word = try unsafe GreenletHub.throwTheLongWay(hub, error, into: self)
    return try unsafe hub.pointee.receive(word)
  }
}

extension GreenletHub {
  /// Takes what the last switch brought here.
  @inlinable @inline(__always) mutating func receive<Reply>(_ word: UInt) throws -> Reply {
    if _fastPath(pending.isEmpty && messageType == Reply.self) {
      return Message.value(word, Reply.self)
    }
    return try receiveTheLongWay(word)
  }

  @inlinable @inline(never) mutating func receiveTheLongWay<Reply>(
    _ word: UInt
  ) throws -> Reply {
    if pending.contains(.failure) { throw takeFailure() }
    let type = messageType
    if type == Reply.self {
      // The value first: clearing away frees what it may lie on.
      let value = Message.value(word, Reply.self)
      try arrive()
      return value
    }
    if Reply.self == Discarded.self {
      if type != Void.self {
        // In a box until all is told: its end may switch.
        let box = Message.box(word, type)
        try arrive()
        withExtendedLifetime(box) {}
      } else {
        try arrive()
      }
      // The very type, so that no cast is looked up at run time.
      return unsafe unsafeBitCast(Discarded(), to: Reply.self)
    }
    let box = Message.box(word, type)
    try arrive()
    if Reply.self == Any.self, let reply = box as? Reply { return reply }
    throw mismatch(expected: Reply.self, received: type)
  }

  @usableFromInline mutating func takeFailure() -> any Error {
    guard let failure = failure.take() else { preconditionFailure("a failure without an error") }
    pending.remove(.failure)
    // An observer's error takes the place of what was delivered.
    do { try arrive(failing: failure) } catch { return error }
    return failure
  }

  @usableFromInline func mismatch(expected: Any.Type, received: Any.Type) -> GreenletError {
    .typeMismatch(
      receiver: unsafe current.pointee.name, expected: "\(expected)", received: "\(received)")
  }

  /// Clears away who died, and tells the observers that somebody arrived.
  @inlinable mutating func arrive(failing: (any Error)? = nil) throws {
    // First: clearing away who died may run the user's code, and that may switch.
    if pending.contains(.moved) { clearMoved() }
    if pending.contains(.departed) { clearDeparted() }
    if !pending.isEmpty { try arriveTheLongWay(failing) }
  }

  @usableFromInline mutating func arriveTheLongWay(_ failing: (any Error)?) throws {
    if pending.contains(.unheld), let hub = unsafe main.pointee.hub { unsafe Self.endUnheld(hub) }
    if pending.contains(.event) { try reportArrival(failing: failing) }
  }
}
