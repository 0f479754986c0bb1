// The long way of a switch: who is meant, what has to be exchanged, who has to be told.

import CSanitizers
import CSwitch
import Stacks

extension GreenletHub {
  /// Switches to `cell`, whatever there is to look at.
  ///
  /// - Returns: The word that arrived here; what is pending says whether it is a message.
  /// - Throws: ``GreenletError``; the message is then discarded.
  @usableFromInline static func switchTheLongWay(
    _ hub: UnsafeMutablePointer<GreenletHub>, to cell: GreenletCell, _ word: UInt, _ type: Any.Type
  ) throws -> UInt {
    do {
      unsafe checkpoint(hub)
      try unsafe hub.pointee.faults.countSwitch(to: cell, on: hub)
      let target = try unsafe target(cell, on: hub)
      let throwsHere = unsafe hub.pointee.faults.throwsAtSuspension()
      unsafe hub.pointee.messageType = type
      let arrived = unsafe transfer(hub, to: target, word, as: .switch)
      if throwsHere { unsafe hub.pointee.replaceMessage(arrived) }
      return arrived
    } catch {
      Message.discard(word, type)
      throw error
    }
  }

  /// Throws an error into `cell`.
  ///
  /// - Returns: The word that arrived here.
  static func throwTheLongWay(
    _ hub: UnsafeMutablePointer<GreenletHub>, _ error: any Error, into cell: GreenletCell
  ) throws -> UInt {
    unsafe checkpoint(hub)
    try unsafe cell.checkThread(hub)
    // One that cannot start or go on refuses the error, and stays as it is.
    let phase = unsafe cell.core.pointee.phase
    if phase == .unstarted || phase == .active { _ = try unsafe target(cell, on: hub) }
    let hasDied = unsafe cell.core.pointee.phase == .dead
    let (target, word) = unsafe deliver(error, to: cell, hasDied: hasDied, on: hub)
    let kind: GreenletEvent.Kind =
      unsafe hub.pointee.pending.contains(.failure) ? .throw : .switch
    return unsafe transfer(hub, to: target, word, as: kind)
  }

  /// What is done now and then: greenlets that other threads let go of are ended here.
  static func checkpoint(_ hub: UnsafeMutablePointer<GreenletHub>) {
    if unsafe hub.pointee.watches(for: Watch.inbox) { unsafe drainInbox(hub) }
    if unsafe hub.pointee.watches(for: Watch.dump) { unsafe answerDump(hub) }
  }

  /// The greenlet that a switch to `cell` continues: itself, or its nearest living ancestor,
  /// started if need be.
  static func target(
    _ cell: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>
  ) throws -> GreenletCell {
    var one = cell
    while true {
      try unsafe one.checkThread(hub)
      switch unsafe one.core.pointee.phase {
      case .active:
        try unsafe prepare(one, on: hub)
        return one
      case .unstarted:
        // Getting the body may run the user's code, and that may start this very greenlet.
        try unsafe requireBody(one, on: hub)
        if unsafe one.core.pointee.phase == .unstarted {
          // Looked at again: an observer that is told of the start may switch to it.
          try unsafe takeStack(one, on: hub)
        }
      case .dead, .dropping:
        guard let parent = one.parent else {
          preconditionFailure("a dead greenlet without a parent")
        }
        one = parent
      case .quarantined:
        throw GreenletError.exitSwallowed(greenlet: unsafe one.core.pointee.name)
      case .free: preconditionFailure("a greenlet that was freed")
      }
    }
  }

  /// Leaves the current greenlet and continues another one, exchanging all there is.
  static func transfer(
    _ hub: UnsafeMutablePointer<GreenletHub>, to target: GreenletCell, _ word: UInt,
    as kind: GreenletEvent.Kind
  ) -> UInt {
    let leaving = unsafe GreenletCell(core: hub.pointee.current)
    unsafe hub.pointee.note(kind, from: leaving)
    guard leaving != target else { return word }
    if unsafe hub.pointee.watches(for: Watch.unheld) { unsafe hub.pointee.leaveUnheld(leaving) }
    unsafe leaving.exchange(with: target, on: hub)
    unsafe hub.pointee.current = target.core
    let isOnRegion = unsafe leaving.core.pointee.isSliced
    let word = unsafe hub.pointee.moved(word, from: leaving, to: target)
    let way = unsafe way(
      to: target, isOnRegion: isOnRegion, on: hub)
    // Right here and not in a function: what returns between this and the switch would be noted on
    // the wrong fiber.
    if let fibers = unsafe leaving.fibers(with: target) {
      unsafe gb_fiber_leave(fibers.0, fibers.1, false)
    }
    // SAFETY: the target is active and not current, so it is saved in its context.
    let arrival = unsafe gb_switch(leaving.context, way, word)
    leaving.arriveFiber()
    return unsafe arrival.word
  }
}

extension GreenletHub {
  /// Notes that whoever arrives has to end a greenlet that nobody holds.
  mutating func leaveUnheld(_ leaving: GreenletCell) {
    stopWatching(for: Watch.unheld)
    guard !leaving.isHeld, unsafe leaving.core != main else { return }
    unsafe unheld = leaving.core
    pending.insert(.unheld)
  }

  /// Ends the greenlet that was left unheld, unless somebody holds it by now.
  @usableFromInline static func endUnheld(_ hub: UnsafeMutablePointer<GreenletHub>) {
    unsafe hub.pointee.pending.remove(.unheld)
    guard let core = unsafe hub.pointee.unheld.take() else { return }
    let cell = unsafe GreenletCell(core: core)
    if unsafe core.pointee.phase == .active, !cell.isHeld { unsafe reap(cell, on: hub) }
  }

  /// The body of a greenlet that is about to start: its own, or the subclass's.
  static func requireBody(
    _ cell: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>
  ) throws(GreenletError) {
    guard unsafe !cell.core.pointee.hasBody else { return }
    // Held meanwhile: the user's code may let everything go.
    let handle = unsafe cell.handle(on: hub)
    let body = handle.body
    // It may have been moved to another thread, which alone may start it then.
    try unsafe cell.checkThread(hub)
    guard unsafe cell.core.pointee.phase == .unstarted, unsafe !cell.core.pointee.hasBody else {
      return
    }
    guard let body else { throw .noBody(greenlet: handle.name) }
    body.keep(cell)
  }
}

extension GreenletCell {
  /// The hub of the thread that an unstarted greenlet belongs to; nil when that thread has ended.
  ///
  /// The nearest active ancestor says it: it cannot have got a parent of another thread. A dead one
  /// can, so those are passed over.
  var home: UnsafeMutablePointer<GreenletHub>? {
    var one = self
    while unsafe one.core.pointee.phase != .active, let parent = one.parent { one = parent }
    return unsafe one.core.pointee.hub
  }

  /// Refuses a greenlet of another thread, or of one that has ended.
  func checkThread(_ hub: UnsafeMutablePointer<GreenletHub>) throws(GreenletError) {
    let own = unsafe core.pointee.hub ?? home
    guard unsafe own != hub else { return }
    let names = unsafe (core.pointee.name, hub.pointee.current.pointee.name)
    guard unsafe own != nil else {
      throw .threadEnded(greenlet: names.0, current: names.1)
    }
    throw .wrongThread(greenlet: names.0, current: names.1)
  }

  /// Puts the thread's open accesses and control words away, and the target's in force.
  func exchange(with target: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>) {
    target.thaw()
    let open = unsafe hub.pointee.accesses.pointee
    unsafe core.pointee.accesses = open
    unsafe hub.pointee.accesses.pointee = target.core.pointee.accesses
    unsafe target.core.pointee.accesses = nil
    if let rare = unsafe core.pointee.rare {
      unsafe gb_accesses_exit(&rare.pointee.accesses)
      if unsafe rare.pointee.float != nil { unsafe rare.pointee.float = gb_float_save() }
    }
    if let rare = unsafe target.core.pointee.rare {
      unsafe gb_accesses_enter(&rare.pointee.accesses)
    }
    if let float = unsafe target.core.pointee.rare?.pointee.float {
      // Those without words of their own share the thread's, which the hub keeps meanwhile.
      if unsafe core.pointee.rare?.pointee.float == nil {
        unsafe hub.pointee.sharedFloat = gb_float_save()
      }
      gb_float_load(float)
    } else if unsafe core.pointee.rare?.pointee.float != nil {
      unsafe gb_float_load(hub.pointee.sharedFloat)
    }
    // A greenlet that was left in the middle of an access is not usual until it is back.
    unsafe core.pointee.usualHub = open == nil && core.pointee.canBeUsual ? hub : nil
    unsafe target.core.pointee.usualHub = target.core.pointee.canBeUsual ? hub : nil
    unsafe target.core.pointee.isMarkedIdle = false
    if unsafe target.core.pointee.isUnusual {
      unsafe hub.pointee.watch(for: GreenletHub.Watch.current)
    } else if unsafe core.pointee.isUnusual {
      unsafe hub.pointee.stopWatching(for: GreenletHub.Watch.current)
    }
  }

  /// What a sanitizer knows of this greenlet and of the one that follows it; nil without a sanitizer.
  func fibers(
    with target: GreenletCell
  ) -> (UnsafeMutablePointer<gb_fiber>, UnsafeMutablePointer<gb_fiber>)? {
    guard gb_sanitizers_are_on(), let own = unsafe core.pointee.rare,
      let other = unsafe target.core.pointee.rare
    else { return nil }
    unsafe target.core.pointee.hub?.pointee.fiberLeft = core
    // SAFETY: the parts are on the heap as long as the greenlets have frames; the fiber comes first.
    return unsafe (
      UnsafeMutableRawPointer(own).assumingMemoryBound(to: gb_fiber.self),
      UnsafeMutableRawPointer(other).assumingMemoryBound(to: gb_fiber.self)
    )
  }

  /// To be called first thing by a greenlet that was continued.
  func arriveFiber() {
    guard gb_sanitizers_are_on(), let own = unsafe core.pointee.rare,
      let left = unsafe core.pointee.hub?.pointee.fiberLeft?.pointee.rare
    else { return }
    unsafe gb_fiber_arrive(&own.pointee.fiber, &left.pointee.fiber)
  }
}
