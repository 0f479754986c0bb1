// What happens when the last handle of a greenlet goes.

import CSwitch

extension GreenletHub {
  /// Leaves a dead greenlet for good.
  static func depart(
    _ core: UnsafeMutablePointer<GreenletCore>, to heir: UnsafeMutablePointer<GreenletCore>
  ) {
    let hub = unsafe core.pointee.hub
    unsafe hub.pointee.accesses.pointee = heir.pointee.accesses
    unsafe heir.pointee.state = .running
    unsafe hub.pointee.current = heir
    // SAFETY: the heir is saved in its context, and this is its first use since.
    _ = unsafe gb_switch(
      UnsafeMutableRawPointer(core).assumingMemoryBound(to: gb_context.self),
      UnsafeMutableRawPointer(heir).assumingMemoryBound(to: gb_context.self))
  }

  /// Frees a greenlet whose handle was let go, ending it first when it is suspended.
  static func handleGone(_ core: UnsafeMutablePointer<GreenletCore>) {
    let hub = unsafe core.pointee.hub
    guard unsafe hub == ofThisThread() else {
      // Frames can be ended on their own thread only, so they are left alone for good.
      if unsafe core.pointee.state == .suspended { EngineCounters.countQuarantine() }
      return
    }
    switch unsafe core.pointee.state {
    case .unstarted, .dead:
      // A dead one that has not been reaped yet is freed by the reaping.
      if unsafe hub.pointee.departed != core { unsafe freeIfUnheld(core) }
    case .running:
      // Its frames live: a new handle keeps the core until it dies.
      unsafe hub.pointee.adopted.append(Greenlet(core: core))
    case .suspended:
      unsafe kill(core, on: hub)
    }
  }

  /// What a death has left in the hub, on its way to the heir.
  @safe private struct Aside {
    let message: UnsafeMutableRawPointer?
    let messageType: Any.Type
    let failure: (any Error)?
    let hasRemains: Bool
    let departed: UnsafeMutablePointer<GreenletCore>?
    let heapMessage: UnsafeMutableRawPointer?
  }

  private mutating func putAside() -> Aside {
    defer {
      unsafe (message, heapMessage, departed) = (nil, nil, nil)
      (failure, hasRemains) = (nil, false)
    }
    return unsafe Aside(
      message: message, messageType: messageType, failure: failure, hasRemains: hasRemains,
      departed: departed, heapMessage: heapMessage)
  }

  private mutating func restore(_ aside: Aside) {
    unsafe (message, heapMessage, departed) = (aside.message, aside.heapMessage, aside.departed)
    messageType = aside.messageType
    (failure, hasRemains) = (aside.failure, aside.hasRemains)
  }

  /// Throws an exit into a suspended greenlet until it is dead, or somebody holds it again.
  private static func kill(
    _ core: UnsafeMutablePointer<GreenletCore>, on hub: UnsafeMutablePointer<GreenletHub>
  ) {
    // The one who let go gets control back, whoever the parent is.
    let parent = unsafe core.pointee.parent
    let killer = Greenlet.current
    // A kill may come in the middle of a death, when the last captures of a body go: what that one
    // has left in the hub is put aside, and so is what state the killer is in.
    let state = unsafe killer.core.pointee.state
    let aside = unsafe hub.pointee.putAside()
    defer {
      unsafe hub.pointee.restore(aside)
      unsafe killer.core.pointee.state = state
    }
    for _ in 0..<EngineCounters.exitTriesMax {
      unsafe core.pointee.parent = killer
      unsafe hub.pointee.lastReaped = nil
      unsafe hub.pointee.failure = GreenletExit()
      unsafe transfer(hub, to: core)
      do {
        let _: Discarded = try unsafe hub.pointee.receive()
      } catch {
        EngineCounters.report(unraisable: error)
      }
      // A core that died was freed by the reaping unless it is held.
      if unsafe hub.pointee.lastReaped == core { return }
      unsafe core.pointee.parent = parent
      if unsafe core.pointee.handle != nil { return }
    }
    EngineCounters.countQuarantine()
  }
}
