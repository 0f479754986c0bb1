// Start and death: the first frame of a greenlet, who inherits its result, what is cleared away.

import CSanitizers
public import CSwitch
public import Stacks
public import Synchronization

extension GreenletCell {
  /// Runs the body that was kept, and then all of the same kind that follow it on this stack.
  ///
  /// - Returns: Who follows with a body of another kind, and its message.
  @inlinable @inline(__always) func runAll<Input, Output>(
    _: GreenletClosure<Input, Output>.Type, _ first: UInt
  ) -> GreenletArrival {
    if unsafe core.pointee.phase == .dropping {
      dropTaken(GreenletClosure<Input, Output>.self)
      return GreenletArrival(cell: self, word: 0)
    }
    let own = startBits
    var arrival = run(GreenletClosure<Input, Output>.self, first)
    // The same function without captures is the same thing, and there is nothing to release.
    while arrival.cell.startBits == own && own.1 == 0 {
      arrival = arrival.cell.run(GreenletClosure<Input, Output>.self, arrival.word)
    }
    return arrival
  }

  @inlinable @inline(__always) func run<Input, Output>(
    _: GreenletClosure<Input, Output>.Type, _ word: UInt
  ) -> GreenletArrival {
    if Message.isHuge(Output.self) {
      return departTheLongWay(
        sending: Message.hugeWord(madeBy: {
          output(of: GreenletClosure<Input, Output>.self, word)
        }), Output.self)
    }
    return Message.sending(
      madeBy: { output(of: GreenletClosure<Input, Output>.self, word) },
      by: { depart(sending: $0, Output.self) })
  }

  /// What the body returns; nil when it failed, and then the error is kept in the hub.
  @inlinable @inline(__always) func output<Input, Output>(
    of _: GreenletClosure<Input, Output>.Type, _ word: UInt
  ) -> Output? {
    do {
      return try runBody(GreenletClosure<Input, Output>.self, word)
    } catch {
      unsafe core.pointee.hub.unsafelyUnwrapped.pointee.bodyFailure = error
      return nil
    }
  }

  @inlinable @inline(__always) func runBody<Input, Output>(
    _: GreenletClosure<Input, Output>.Type, _ word: UInt
  ) throws -> Output {
    let hub = unsafe core.pointee.hub.unsafelyUnwrapped
    let body = takeBody(GreenletClosure<Input, Output>.self)
    return try body.body(try unsafe hub.pointee.receive(word))
  }

  @inlinable @inline(__always) func takeBody<Body>(_: Body.Type) -> Body {
    unsafe core.pointee.hasBody = false
    // SAFETY: `keep` initialised it, and it is taken once.
    return unsafe bodyPlace.assumingMemoryBound(to: Body.self).move()
  }

  @inlinable @inline(never) func dropTaken<Body>(_: Body.Type) { _ = takeBody(Body.self) }

  // MARK: - Start

  /// A stack on which a first frame waits, if this is the usual first switch: of an unstarted
  /// greenlet with a body, child of one of this thread, that asked for nothing of its own.
  @inlinable @inline(__always) func takeIdleStack(
    _ hub: UnsafeMutablePointer<GreenletHub>
  ) -> UnsafeMutablePointer<StackHead>? {
    guard unsafe core.pointee.phase == .unstarted, unsafe core.pointee.hasBody,
      unsafe !core.pointee.asksForMore, unsafe hub.pointee.watch.load(ordering: .relaxed) == 0,
      unsafe hub.pointee.accesses.pointee == nil, unsafe parent?.core.pointee.hub == hub
    else { return nil }
    return unsafe hub.pointee.idleStacks?.takeIdle(parkedAs: Self.parkingName)
  }

  /// Makes an unstarted greenlet an active one, whose first frame waited on a stack.
  @inlinable @inline(__always) func start(
    on hub: UnsafeMutablePointer<GreenletHub>, _ head: UnsafeMutablePointer<StackHead>
  ) {
    unsafe core.pointee.context = Self.parkedContext(head).pointee
    unsafe head.pointee.parked = 0
    unsafe core.pointee.head = head
    unsafe core.pointee.phase = .active
    unsafe core.pointee.hub = hub
    unsafe core.pointee.usualHub = hub
    unsafe hub.pointee.link(self)
    unsafe hub.pointee.counts.note(.started)
  }

  // MARK: - Death

  /// Dies, and leaves a result to the parent.
  ///
  /// A large one lies in the frame that dies: its memory stays as it is until the receiver has moved
  /// the result out.
  @inlinable @inline(__always) func depart<Output>(
    sending word: UInt, _: Output.Type
  ) -> GreenletArrival {
    let hub = unsafe core.pointee.hub.unsafelyUnwrapped
    guard let heir = parent, unsafe _fastPath(heir.isUsual(on: hub)),
      let head = unsafe core.pointee.head, unsafe _fastPath(isHeld && !StackPool.isAbandoned(head)),
      unsafe _fastPath(hub.pointee.bodyFailure == nil)
    else { return departTheLongWay(sending: word, Output.self) }
    unsafe core.pointee.phase = .dead
    unsafe core.pointee.usualHub = nil
    unsafe core.pointee.head = nil
    unsafe hub.pointee.counts.note(.finished)
    unsafe hub.pointee.messageType = Output.self
    unsafe hub.pointee.current = heir.core
    unsafe head.pointee.parked = Self.parkingName
    // SAFETY: nobody runs between this and the switch, so nobody takes the stack while we are on
    // it. The frame waits there for the next body.
    unsafe StackPool.takeBack(Stack(head: head))
    let arrival = unsafe gb_switch(Self.parkedContext(head), heir.context, word)
    return unsafe Self.arrived(arrival)
  }

  /// The name under which its first frame waits on an idle stack.
  @inlinable static var parkingName: UInt { 0x6772_6e6c }

  /// Where the context of a first frame that waits is saved: right below the head.
  @inlinable @inline(__always) static func parkedContext(
    _ head: UnsafeMutablePointer<StackHead>
  ) -> UnsafeMutablePointer<gb_context> {
    // SAFETY: 64 bytes below the head are left free by `takeStack`.
    unsafe (UnsafeMutableRawPointer(head) - 64).assumingMemoryBound(to: gb_context.self)
  }

  @inlinable @inline(__always) static func arrived(_ arrival: gb_arrival) -> GreenletArrival {
    // SAFETY: a switch to a greenlet names its context, the first field of its core.
    unsafe GreenletArrival(
      cell: GreenletCell(
        core: UnsafeMutableRawPointer(arrival.own.unsafelyUnwrapped)
          .assumingMemoryBound(to: GreenletCore.self)), word: arrival.word)
  }

  /// Whether a handle holds it: then it is not freed when it dies.
  @inlinable @inline(__always) var isHeld: Bool { unsafe core.pointee.handle != nil }

  @usableFromInline @inline(never) func departTheLongWay(
    sending word: UInt, _ type: Any.Type
  ) -> GreenletArrival {
    let hub = unsafe core.pointee.hub.unsafelyUnwrapped
    // Told before anything is on its way: a tracer may switch.
    unsafe noteExit(on: hub)
    if unsafe hub.pointee.bodyFailure != nil { return fail(asking: parent ?? self) }
    do {
      let heir = try unsafe GreenletHub.heir(of: self, on: hub)
      // Only now: starting the heir may run the user's code, and that may switch.
      unsafe hub.pointee.messageType = type
      return unsafe depart(to: heir, word, as: .switch, on: hub)
    } catch {
      // Nobody gets the result: the error that its heir cannot start takes its place.
      Message.discard(word, type)
      if Message.isHuge(dynamic: type), word != 0 { Message.deallocate(word) }
      let refuser = unsafe GreenletHub.nearest(parent ?? self, on: hub, carrying: error)
      unsafe hub.pointee.bodyFailure = error
      return fail(asking: GreenletHub.next(after: refuser))
    }
  }

  /// Tells that the body is over; a function of its own, so that no frame keeps its error.
  @inline(never) private func noteExit(on hub: UnsafeMutablePointer<GreenletHub>) {
    let failure = unsafe hub.pointee.bodyFailure.take()
    unsafe hub.pointee.note(.exit, of: self)
    unsafe hub.pointee.bodyFailure = failure
  }

  /// Dies, and leaves an error to an ancestor.
  private func fail(asking ancestor: GreenletCell) -> GreenletArrival {
    let hub = unsafe core.pointee.hub.unsafelyUnwrapped
    let (heir, word) = unsafe deliverFailure(to: ancestor, on: hub)
    let kind: GreenletEvent.Kind =
      unsafe hub.pointee.pending.contains(.failure) ? .throw : .switch
    return unsafe depart(to: heir, word, as: kind, on: hub)
  }

  /// A function of its own: no frame that waits for another body may keep the error.
  @inline(never) private func deliverFailure(
    to ancestor: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>
  ) -> (GreenletCell, UInt) {
    guard let error = unsafe hub.pointee.bodyFailure.take() else {
      preconditionFailure("a failure without an error")
    }
    return unsafe GreenletHub.deliver(error, to: ancestor, hasDied: true, on: hub)
  }

  /// Leaves for the last time; whoever arrives clears away.
  private func depart(
    to heir: GreenletCell, _ word: UInt, as kind: GreenletEvent.Kind,
    on hub: UnsafeMutablePointer<GreenletHub>
  ) -> GreenletArrival {
    unsafe hub.pointee.note(kind, from: self)
    let own = unsafe whereToDie(on: hub)
    unsafe exchange(with: heir, on: hub)
    unsafe core.pointee.phase = .dead
    unsafe core.pointee.usualHub = nil
    unsafe hub.pointee.counts.note(.finished)
    unsafe hub.pointee.departed = core
    unsafe hub.pointee.pending.insert(.departed)
    unsafe hub.pointee.current = heir.core
    unsafe hub.pointee.noteHuge(word)
    if let region = unsafe hub.pointee.slices, unsafe core.pointee.isSliced {
      return unsafe GreenletHub.departSliced(self, to: heir, word, region, on: hub)
    }
    let way = unsafe GreenletHub.way(to: heir, isOnRegion: false, on: hub)
    // Not in a function of its own: see `transfer`.
    if let fibers = unsafe fibers(with: heir) { unsafe gb_fiber_leave(fibers.0, fibers.1, true) }
    return unsafe Self.arrived(gb_switch(own, way, word))
  }

  /// Where a greenlet is saved that is left for the last time.
  private func whereToDie(
    on hub: UnsafeMutablePointer<GreenletHub>
  ) -> UnsafeMutablePointer<gb_context> {
    guard let head = unsafe core.pointee.head else {
      guard let region = unsafe hub.pointee.slices else {
        preconditionFailure("an active greenlet without a stack")
      }
      return unsafe region.pointee.forget(Slice(core: core))
    }
    // A sanitizer knows a first frame by its greenlet, so none waits for another one.
    unsafe head.pointee.parked = gb_sanitizers_are_on() ? 0 : Self.parkingName
    return unsafe Self.parkedContext(head)
  }
}

extension GreenletHub {
  /// Who gets the result of a greenlet whose body is over, started if need be.
  static func heir(
    of cell: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>
  ) throws -> GreenletCell {
    guard let parent = cell.parent else { preconditionFailure("a main greenlet does not end") }
    return try unsafe target(parent, on: hub)
  }

  /// Finds who gets an error.
  ///
  /// - Parameters:
  ///   - error: What is thrown.
  ///   - cell: Who is asked first.
  ///   - hasDied: Whether the error left a dead greenlet, whose ancestors are asked.
  ///   - hub: This thread's.
  /// - Returns: Who is to be continued, and the word for it; a failure is left pending.
  static func deliver(
    _ error: any Error, to cell: GreenletCell, hasDied: Bool,
    on hub: UnsafeMutablePointer<GreenletHub>
  ) -> (GreenletCell, UInt) {
    var (one, error, hasDied) = (cell, error, hasDied)
    while true {
      one = unsafe nearest(one, on: hub, carrying: error)
      do {
        // An unstarted one that gets an error starts only to die of it, before its body.
        let heir = try unsafe target(one, on: hub)
        if hasDied, let exit = error as? GreenletExit {
          // An exit that left a dead greenlet is a value, and a value starts an unstarted ancestor.
          unsafe hub.pointee.messageType = GreenletExit.self
          return (heir, Message.word(exit))
        }
        one = heir
        break
      } catch let other {
        // Who cannot start stays as it is; why it cannot is the next ancestor's.
        (one, error, hasDied) = (next(after: one), other, true)
      }
    }
    unsafe hub.pointee.failure = error
    unsafe hub.pointee.pending.insert(.failure)
    return (one, 0)
  }

  /// Who is asked after one that cannot take a result.
  static func next(after cell: GreenletCell) -> GreenletCell {
    // A main greenlet has none, and takes everything.
    cell.parent ?? cell
  }

  /// The nearest of `cell` and its ancestors that can take something on this thread.
  static func nearest(
    _ cell: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>, carrying error: any Error
  ) -> GreenletCell {
    var one = cell
    while true {
      let phase = unsafe one.core.pointee.phase
      if phase == .unstarted { return one }
      if phase == .active, unsafe one.core.pointee.hub == hub { return one }
      guard let parent = one.parent else {
        StandardError.write(unsafe GreenletDump.text(hub))
        fatalError("nobody is left who could take the error \(error); its greenlets' thread ended")
      }
      one = parent
    }
  }

  /// Gives the stack of who died back, and frees what nobody holds.
  @usableFromInline mutating func clearDeparted() {
    pending.remove(.departed)
    guard let core = unsafe departed.take() else { return }
    let cell = unsafe GreenletCell(core: core)
    if let head = unsafe core.pointee.head.take() {
      cell.destroyRare()
      // SAFETY: the greenlet is dead and has left; its first frame owns nothing.
      unsafe StackPool.takeBack(Stack(head: head))
    } else if let block = unsafe core.pointee.kept.take() {
      unsafe core.pointee.choice = .threads
      cell.destroyRare()
      // SAFETY: the block of a sliced greenlet that has left for good.
      unsafe Self.freeSlice(block)
    }
    if !cell.isHeld { cell.free() }
  }
}
