// Handles: how a core gets one, what happens when the last one goes.
//
// A core has at most one handle. Its own thread makes handles and may let them go; another thread
// may let the last one go, too. So the field is written under the hub's lock once the greenlet has
// started, and whoever finds a handle there takes a reference only if the handle is not going.

import CSwitch
import Stacks
import Synchronization

extension GreenletCell {
  /// Makes a core of an unstarted greenlet.
  @usableFromInline static func make(
    name: String?, parent: Greenlet?, site: CreationSite
  ) -> GreenletCell {
    let hub = unsafe GreenletHub.ofThisThread()
    // Before there is a core: what it ends may run the code of others.
    if unsafe hub.pointee.watch.load(ordering: .relaxed) != 0 { unsafe GreenletHub.checkpoint(hub) }
    let cell = unsafe CorePool.take(hub)
    if let parent {
      unsafe cell.core.pointee.parent = parent
    } else {
      unsafe cell.core.pointee.parent = hub.pointee.currentHandle()
    }
    if let name { unsafe cell.core.pointee.name = name }
    unsafe cell.core.pointee.site = site
    unsafe cell.core.pointee.phase = .unstarted
    unsafe hub.pointee.counts.note(.created)
    if unsafe hub.pointee.watch.load(ordering: .relaxed) != 0 {
      unsafe hub.pointee.note(.create, of: cell)
    }
    return cell
  }

  /// The handle, if there is one that is not going.
  ///
  /// - Precondition: The hub's lock is held, or nobody else knows the core.
  func liveHandle() -> Greenlet? {
    guard let handle = unsafe core.pointee.handle else { return nil }
    // SAFETY: a handle clears the field before its memory goes, so there is an object here; the
    // runtime says whether it can still be retained.
    guard let kept = unsafe gb_try_retain(handle) else { return nil }
    return unsafe Unmanaged<Greenlet>.fromOpaque(kept).takeRetainedValue()
  }

  /// The handle, if there is one that is not going.
  func handleIfAny() -> Greenlet? {
    guard let hub = unsafe core.pointee.hub else { return liveHandle() }
    return unsafe hub.pointee.withHandles { liveHandle() }
  }

  /// The handle, made anew when there is none: then the greenlet is held again.
  func handle(on hub: UnsafeMutablePointer<GreenletHub>) -> Greenlet {
    unsafe hub.pointee.withHandles {
      liveHandle() ?? Greenlet(adopting: self)
    }
  }

  /// A handle went.
  ///
  /// - Parameter handle: Its address.
  @usableFromInline func handleGone(_ handle: UnsafeMutableRawPointer) {
    let hub = unsafe gb_hub_get()?.assumingMemoryBound(to: GreenletHub.self)
    if let own = unsafe core.pointee.hub, unsafe own != hub {
      unsafe ThreadList.handleGone(handle, of: self)
      return
    }
    if let hub = unsafe hub, unsafe core.pointee.phase == .active {
      unsafe hub.pointee.withHandles { unsafe clear(handle) }
    } else {
      // Nobody makes a handle of one that is not active.
      unsafe clear(handle)
    }
    if !isHeld { letGo() }
  }

  /// Frees a core whose handle goes, if this is the usual end: dead, on its own thread, a child of
  /// main, with nothing of its own.
  ///
  /// - Returns: Whether it is done.
  @inline(__always) func freeUsually() -> Bool {
    guard let hub = unsafe gb_hub_get()?.assumingMemoryBound(to: GreenletHub.self),
      unsafe core.pointee.phase == .dead, unsafe core.pointee.hub == hub,
      unsafe core.pointee.head == nil, unsafe core.pointee.kept == nil,
      unsafe core.pointee.parentCore == hub.pointee.main,
      unsafe core.pointee.settings == nil, unsafe !core.pointee.asksForMore,
      unsafe !core.pointee.isEnding,
      unsafe hub.pointee.spareCount < CorePool.spareMax
    else { return false }
    unsafe core.pointee.handle = nil
    unsafe hub.pointee.unlink(self)
    unsafe core.pointee.hub = nil
    unsafe core.pointee.phase = .free
    unsafe core.pointee.id = 0
    unsafe core.pointee.next = hub.pointee.spare
    unsafe hub.pointee.spare = core
    unsafe hub.pointee.spareCount &+= 1
    // Main's handle is held by the hub, so nothing ends with this reference.
    unsafe core.pointee.parent = nil
    return true
  }

  /// Clears the field, unless it names another handle by now.
  func clear(_ handle: UnsafeMutableRawPointer) {
    if unsafe core.pointee.handle == handle { unsafe core.pointee.handle = nil }
  }

  /// Nobody holds it: what is suspended is ended, and what is not active is freed.
  ///
  /// - Precondition: On its own thread, or it has none.
  func letGo() {
    switch unsafe core.pointee.phase {
    case .active:
      guard unsafe !core.pointee.isMain, let hub = unsafe core.pointee.hub else { return }
      // Whoever is ending it already sees that nobody holds it.
      if unsafe core.pointee.isEnding { return }
      if unsafe hub.pointee.current == core {
        // It is ended as soon as it has switched away, unless somebody holds it by then.
        unsafe hub.pointee.watch(for: GreenletHub.Watch.unheld)
      } else {
        unsafe GreenletHub.reap(self, on: hub)
      }
    case .unstarted:
      unsafe core.pointee.phase = .dead
      if let hub = unsafe gb_hub_get()?.assumingMemoryBound(to: GreenletHub.self) {
        unsafe hub.pointee.counts.note(.dropped)
      } else {
        // A thread that only had a handle has no counts of its own.
        ThreadList.ended.droppedUnstarted.add(1, ordering: .relaxed)
      }
      dropBody()
      if !isHeld { free() }
    case .dead:
      // One that died in the last switch is freed when that is cleared away.
      if unsafe core.pointee.head == nil && core.pointee.kept == nil { free() }
    case .dropping, .quarantined, .free: break
    }
  }

  /// Gives the core's memory back.
  ///
  /// Letting its parent go may end that one, and so on up a chain: one after the other, not nested.
  func free() {
    if unsafe core.pointee.isEnding { return }
    if let hub = unsafe core.pointee.hub {
      unsafe hub.pointee.unlink(self)
      unsafe core.pointee.hub = nil
    }
    if let parent, unsafe parent.core.pointee.isMain, unsafe !core.pointee.hasSettings {
      // Main is held by its thread or by others: nothing ends with this reference.
      unsafe core.pointee.parent = nil
      CorePool.give(self)
      return
    }
    let parent = unsafe core.pointee.parent.take()
    if unsafe core.pointee.hasSettings {
      destroyRare()
      let (settings, stacks) = unsafe (core.pointee.settings.take(), core.pointee.stacks.take())
      CorePool.give(self)
      // What follows may run the user's code; the core is not ours any more.
      withExtendedLifetime((settings, stacks)) {}
    } else {
      CorePool.give(self)
    }
    Farewell.release(consume parent)
  }
}

/// Lets go of parents one after the other: a chain of a hundred thousand must not nest so deep.
@safe struct Farewell {
  /// The greenlet that is letting go, and what it has yet to let go of.
  var greenlet: UnsafeMutablePointer<GreenletCore>?
  var rest: [Greenlet] = []

  /// Releases a reference now, or after the release that this one happens in.
  static func release(_ parent: consuming Greenlet?) {
    // Where others hold it, too, nothing ends.
    guard isKnownUniquelyReferenced(&parent),
      let hub = unsafe gb_hub_get()?.assumingMemoryBound(to: GreenletHub.self),
      let last = parent.take()
    else { return }
    // Moved on: a reference that is left here would be the last one, and released too late.
    if unsafe hub.pointee.farewell.greenlet == hub.pointee.current {
      unsafe hub.pointee.farewell.rest.append(consume last)
      return
    }
    // Another greenlet's farewell goes on when that one runs again.
    let interrupted = unsafe hub.pointee.farewell
    unsafe hub.pointee.farewell = Farewell(greenlet: hub.pointee.current, rest: [consume last])
    while let next = unsafe hub.pointee.farewell.rest.popLast() { _ = consume next }
    unsafe hub.pointee.farewell = interrupted
  }
}

extension GreenletHub {
  /// The current greenlet's handle.
  @inline(__always) mutating func currentHandle() -> Greenlet {
    if unsafe current == main, let mainHandle { return mainHandle }
    let cell = unsafe GreenletCell(core: current)
    return withHandles { cell.liveHandle() ?? Greenlet(adopting: cell) }
  }
}
