// The mover: between two sliced greenlets, copies while neither is on the stack that they share.

import CSanitizers
import CSwitch
import Stacks

/// A context on a stack of its own that arranges slices and goes on to the next greenlet.
@safe struct SliceMover {
  var context = unsafe gb_context()

  /// Its stack, from its first use on.
  var head: UnsafeMutablePointer<StackHead>?

  /// Whom it is to go on to when it is switched to.
  var target: UnsafeMutablePointer<GreenletCore>?
}

extension GreenletHub {
  /// The thread's region for slices, made at its first use.
  mutating func sliceRegion() throws(GreenletError) -> UnsafeMutablePointer<SliceRegion> {
    if let slices = unsafe slices { return unsafe slices }
    let region: SliceRegion
    let moverHead: UnsafeMutablePointer<StackHead>
    do {
      region = try SliceRegion()
      unsafe moverHead = try pools.pool(for: .kibibytes(64)).lend().head
    } catch {
      throw .noStack(greenlet: "the sliced greenlets' stack", reason: error.description)
    }
    let place = UnsafeMutablePointer<SliceRegion>.allocate(capacity: 1)
    unsafe place.initialize(to: region)
    unsafe moverHead.pointee.parked = 0
    unsafe place.pointee.mover.head = moverHead
    unsafe withUnsafeMutablePointer(to: &place.pointee.mover.context) { context in
      // SAFETY: the top of a stack of the mover's own.
      unsafe gb_context_init(context, moverHead, moverMain, place)
    }
    unsafe slices = place
    return unsafe place
  }

  /// Gives the region back; no sliced greenlet is left.
  mutating func freeSlices() {
    guard let region = unsafe slices.take() else { return }
    // SAFETY: nobody is on either stack; the mover's frame owns nothing.
    unsafe StackPool.takeBack(Stack(head: region.pointee.head))
    if let head = unsafe region.pointee.mover.head {
      unsafe StackPool.takeBack(Stack(head: head))
    }
    unsafe region.pointee.freeSpare()
    unsafe region.deinitialize(count: 1)
    unsafe region.deallocate()
  }

  /// Sees that `target` can be continued from here: thaws it, or reserves what its slice needs.
  ///
  /// - Throws: ``GreenletError/noStack(greenlet:reason:)`` or
  ///   ``GreenletError/notOnItsStack(greenlet:)``; then all is as it was.
  static func prepare(
    _ target: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>
  ) throws(GreenletError) {
    guard unsafe target.core.pointee.isSliced, unsafe hub.pointee.current != target.core else {
      return
    }
    let current = unsafe hub.pointee.current
    let region = unsafe try hub.pointee.sliceRegion()
    try unsafe region.pointee.reserve(
      for: Slice(core: target.core),
      current: current.pointee.isSliced ? Slice(core: current) : nil)
  }

  /// Moves a message out of frames that its receiver's slice may overwrite.
  ///
  /// - Returns: The word for it.
  mutating func moved(_ word: UInt, from leaving: GreenletCell, to target: GreenletCell) -> UInt {
    guard unsafe leaving.core.pointee.isSliced && target.core.pointee.isSliced else {
      return word
    }
    return movedOut(word)
  }

  /// Moves a message out of the frame that it lies in, if it does.
  mutating func movedOut(_ word: UInt) -> UInt {
    guard !pending.contains(.failure), !pending.contains(.moved),
      let place = unsafe Message.move(word, messageType)
    else { return word }
    unsafe movedMessage = place
    pending.insert(.moved)
    return UInt(bitPattern: place)
  }

  /// Notes that a body's result has memory of its own, to be freed when it was taken.
  mutating func noteHuge(_ word: UInt) {
    guard !pending.contains(.failure), Message.isHuge(dynamic: messageType) else { return }
    unsafe movedMessage = UnsafeMutableRawPointer(bitPattern: word)
    pending.insert(.moved)
  }

  /// Frees the place of a message that was moved, and taken there.
  @usableFromInline mutating func clearMoved() {
    pending.remove(.moved)
    unsafe movedMessage.take()?.deallocate()
  }

  /// The context that leads to `target`: its own, or the mover's when slices are in the way.
  ///
  /// - Parameters:
  ///   - target: Whom to continue.
  ///   - isOnRegion: Whether who is left runs there.
  ///   - hub: This thread's.
  /// - Returns: A context to switch to.
  static func way(
    to target: GreenletCell, isOnRegion: Bool, on hub: UnsafeMutablePointer<GreenletHub>
  ) -> UnsafeMutablePointer<gb_context> {
    guard unsafe target.core.pointee.isSliced, let region = unsafe hub.pointee.slices else {
      return unsafe target.context
    }
    guard isOnRegion else {
      unsafe region.pointee.arrange(for: Slice(core: target.core))
      return unsafe target.context
    }
    unsafe region.pointee.mover.target = target.core
    // SAFETY: the region stays where it is.
    return unsafe withUnsafeMutablePointer(to: &region.pointee.mover.context) { unsafe $0 }
  }
}

/// A sliced greenlet that has come to its end, and is left as soon as its frames have returned.
///
/// Those of a dedicated one wait for another body; a slice's would be abandoned, with what they hold.
@safe struct SliceDeparture {
  let core: UnsafeMutablePointer<GreenletCore>
  let heir: UnsafeMutablePointer<GreenletCore>
  let word: UInt

  /// The one of this thread, if there is one.
  static func take() -> SliceDeparture? {
    guard let hub = unsafe gb_hub_get()?.assumingMemoryBound(to: GreenletHub.self),
      let region = unsafe hub.pointee.slices
    else { return nil }
    return unsafe region.pointee.departure.take()
  }

  /// Continues the heir; does not return.
  @inline(__always) func leave() {
    let (cell, heir) = unsafe (GreenletCell(core: core), GreenletCell(core: heir))
    guard let hub = unsafe core.pointee.hub, let region = unsafe hub.pointee.slices else {
      preconditionFailure("a sliced greenlet without a region")
    }
    let way = unsafe GreenletHub.way(to: heir, isOnRegion: true, on: hub)
    // Right before the switch: see `transfer`.
    if let fibers = unsafe cell.fibers(with: heir) {
      unsafe gb_fiber_leave(fibers.0, fibers.1, true)
    }
    unsafe withUnsafeMutablePointer(to: &region.pointee.dead) { dead in
      _ = unsafe gb_switch(dead, way, word)
    }
    preconditionFailure("a dead greenlet was continued")
  }
}

extension GreenletHub {
  /// Notes that a sliced greenlet is to be left, and makes its frames return.
  static func departSliced(
    _ cell: GreenletCell, to heir: GreenletCell, _ word: UInt,
    _ region: UnsafeMutablePointer<SliceRegion>, on hub: UnsafeMutablePointer<GreenletHub>
  ) -> GreenletArrival {
    let word = unsafe hub.pointee.movedOut(word)
    unsafe region.pointee.departure = SliceDeparture(core: cell.core, heir: heir.core, word: word)
    // Main is nobody whose body could be run next.
    return unsafe GreenletArrival(cell: GreenletCell(core: hub.pointee.main), word: 0)
  }
}

/// The mover's first frame, which never ends.
private func moverMain(_ argument: UnsafeMutableRawPointer?, _ first: UInt) {
  guard let argument = unsafe argument else { preconditionFailure("a mover without a region") }
  let region = unsafe argument.assumingMemoryBound(to: SliceRegion.self)
  var word = first
  while true {
    guard let target = unsafe region.pointee.mover.target else {
      preconditionFailure("a mover with nothing to do")
    }
    unsafe region.pointee.arrange(for: Slice(core: target))
    // The region stays where it is. Not switched in a closure: a sanitizer would see it entered on the
    // target's fiber and left on the next one's, and lose count of its calls.
    let own = unsafe withUnsafeMutablePointer(to: &region.pointee.mover.context) { unsafe $0 }
    // SAFETY: the target's slice is in place now, and it is saved in its context.
    unsafe word = gb_switch(own, GreenletCell(core: target).context, word).word
  }
}
