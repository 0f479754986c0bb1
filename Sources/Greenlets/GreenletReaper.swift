// How a greenlet is made to end: by a kill, by its last handle, by another thread, with its thread.

import CSwitch
import Synchronization

extension GreenletHub {
  /// Ends a suspended greenlet that nobody holds, and frees it, unless somebody holds it again.
  static func reap(_ cell: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>) {
    unsafe hub.pointee.note(.reap, of: cell)
    unsafe endQuietly(cell, on: hub, whileUnheld: true)
    // Freed only now: its parent may end with it, and that comes after what is said of this one.
    if unsafe cell.core.pointee.phase == .dead, !cell.isHeld { cell.free() }
  }

  /// Ends a greenlet; what it dies of has nobody to be thrown to.
  private static func endQuietly(
    _ cell: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>, whileUnheld: Bool
  ) {
    do {
      try unsafe end(
        cell, on: hub, tries: EngineCounters.exitTriesMax, whileUnheld: whileUnheld)
    } catch let error as GreenletError {
      // One that is dead died of this error, which is about another greenlet then.
      guard case .exitSwallowed = error, unsafe cell.core.pointee.phase == .active else {
        return EngineCounters.report(unraisable: error)
      }
      unsafe cell.quarantine(on: hub)
    } catch {
      EngineCounters.report(unraisable: error)
    }
  }

  /// Throws a ``GreenletExit`` into a suspended greenlet until it is dead.
  ///
  /// Whoever ends it gets control back, whoever its parent is: it takes the parent's place
  /// meanwhile.
  ///
  /// - Throws: What the greenlet died of, unless that is a ``GreenletExit``;
  ///   ``GreenletError/exitSwallowed(greenlet:)`` when it would not die.
  static func end(
    _ cell: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>, tries: Int,
    whileUnheld: Bool
  ) throws {
    let parent = unsafe cell.core.pointee.parent
    // A large message may lie in a frame that died, so what is on its way is put aside.
    let aside = unsafe (hub.pointee.messageType, hub.pointee.pending, hub.pointee.failure)
    let departed = unsafe (hub.pointee.departed, hub.pointee.movedMessage)
    let event = unsafe (hub.pointee.event, hub.pointee.eventOrigin, hub.pointee.unheld)
    unsafe (hub.pointee.event, hub.pointee.eventOrigin, hub.pointee.unheld) = (nil, nil, nil)
    unsafe (hub.pointee.pending, hub.pointee.failure) = ([], nil)
    unsafe (hub.pointee.departed, hub.pointee.movedMessage) = (nil, nil)
    defer {
      unsafe (hub.pointee.messageType, hub.pointee.pending, hub.pointee.failure) = aside
      unsafe (hub.pointee.departed, hub.pointee.movedMessage) = departed
      unsafe (hub.pointee.event, hub.pointee.eventOrigin, hub.pointee.unheld) = event
    }
    let wasEnding = unsafe cell.core.pointee.isEnding
    unsafe cell.core.pointee.isEnding = true
    defer { unsafe cell.core.pointee.isEnding = wasEnding }
    // Since the parent was noted: what the first try left changed, the second one has to look at. One
    // that is being ended already may have its own descendant for a parent.
    var isAsBefore = !wasEnding
    for _ in 0..<tries {
      try unsafe prepare(cell, on: hub)
      // Held by nobody else: whose last handle goes while it ends another one is ended itself.
      unsafe cell.core.pointee.parent = hub.pointee.currentHandle()
      unsafe hub.pointee.endings &+= 1
      let changes = unsafe hub.pointee.parentChanges
      unsafe hub.pointee.failure = GreenletExit()
      unsafe hub.pointee.pending.insert(.failure)
      let word = unsafe transfer(hub, to: cell, 0, as: .throw)
      var failure: (any Error)?
      do { let _: Discarded = try unsafe hub.pointee.receive(word) } catch { failure = error }
      isAsBefore = unsafe isAsBefore && hub.pointee.parentChanges == changes
      unsafe cell.restore(parent: parent, isAsBefore: isAsBefore, on: hub)
      // For another end that is under way: what it put in place can be a circle by now.
      unsafe hub.pointee.endings &+= 1
      if let failure { throw failure }
      let isGone = unsafe cell.core.pointee.phase != .active
      if isGone || (whileUnheld && cell.isHeld) { return }
      EngineCounters.countSwallowedExit()
    }
    throw GreenletError.exitSwallowed(greenlet: unsafe cell.core.pointee.name)
  }

  /// Ends the greenlets that other threads let go of.
  static func drainInbox(_ hub: UnsafeMutablePointer<GreenletHub>) {
    // Moved out first: what ends may let go of more, and come back here.
    let left = unsafe hub.pointee.inboxGate.with {
      unsafe hub.pointee.stopWatching(for: Watch.inbox)
      defer { unsafe hub.pointee.inbox = [] }
      return unsafe hub.pointee.inbox
    }
    for one in left {
      // Cores are never unmapped, so one that was freed can be looked at.
      guard let core = unsafe UnsafeMutablePointer<GreenletCore>(bitPattern: one.address),
        unsafe core.pointee.id == one.id
      else { continue }
      let cell = unsafe GreenletCell(core: core)
      if !cell.isHeld { cell.letGo() }
    }
  }

  /// Ends all greenlets of a thread that ends, in that thread: a stack is never thrown away.
  static func endAll(_ hub: UnsafeMutablePointer<GreenletHub>) {
    unsafe drainInbox(hub)
    // One that cannot be continued now may be later: a slice that is in its way ends meanwhile.
    var stuck = 0
    while let cell = unsafe hub.pointee.nextSuspended(after: stuck) {
      unsafe endQuietly(cell, on: hub, whileUnheld: false)
      stuck = unsafe cell.core.pointee.phase == .active ? stuck + 1 : 0
      if unsafe cell.core.pointee.phase == .dead, !cell.isHeld { cell.free() }
    }
    while let cell = unsafe hub.pointee.nextSuspended(after: 0) { unsafe cell.quarantine(on: hub) }
  }

  /// A greenlet of this thread that has frames and does not run, after so many others.
  func nextSuspended(after count: Int) -> GreenletCell? {
    var one = unsafe started
    var left = count
    while let core = unsafe one {
      if unsafe core.pointee.phase == .active && core != current && core != main {
        if left == 0 { return unsafe GreenletCell(core: core) }
        left -= 1
      }
      unsafe one = core.pointee.next
    }
    return nil
  }
}

extension GreenletHub {
  private static let reparents = Atomic<UInt>(0)

  /// Counts a change of a parent; another thread's unstarted greenlet may get one of this thread.
  static func countReparent() { reparents.add(1, ordering: .relaxed) }

  /// Another number when a parent of this thread has changed, for a while or for good.
  var parentChanges: UInt { endings &+ Self.reparents.load(ordering: .relaxed) }
}

extension GreenletCell {
  /// Puts the parent back after a kill, unless the greenlet made that one its own descendant.
  ///
  /// Then whoever ended it stays its parent, or main if that one is its descendant, too: no circle of
  /// parents outlasts a kill.
  ///
  /// - Parameters:
  ///   - parent: The parent before.
  ///   - isAsBefore: Whether no parent has changed meanwhile: then there is nothing to look for, and
  ///     the end of a long chain takes no more than its length.
  ///   - hub: This thread's.
  func restore(parent: Greenlet?, isAsBefore: Bool, on hub: UnsafeMutablePointer<GreenletHub>) {
    guard !isAsBefore, let parent, isAncestor(of: parent.cell) else {
      unsafe core.pointee.parent = parent
      return
    }
    guard let ender = unsafe core.pointee.parent, isAncestor(of: ender.cell) else { return }
    unsafe core.pointee.parent = hub.pointee.mainHandle
  }

  /// Whether this is the other one, or one of its ancestors.
  ///
  /// Who ends an ancestor of its own makes a circle of parents for so long, so the walk looks whether
  /// it goes round: R. P. Brent, "An improved Monte Carlo factorization algorithm", 1980.
  ///
  /// - Complexity: O(ancestors of the other one).
  func isAncestor(of other: GreenletCell) -> Bool {
    var (one, mark) = (other, other)
    var (steps, lap) = (0, 1)
    while one != self {
      guard let next = one.parent else { return false }
      if next == mark { return false }
      one = next
      steps += 1
      if steps == lap { (mark, steps, lap) = (one, 0, lap * 2) }
    }
    return true
  }

  /// Gives a greenlet up that would not end: its stack is left alone for good.
  func quarantine(on hub: UnsafeMutablePointer<GreenletHub>) {
    unsafe core.pointee.phase = .quarantined
    unsafe core.pointee.usualHub = nil
    unsafe hub.pointee.counts.note(.quarantined)
    EngineCounters.countQuarantine()
    // It may wait in the end of an ancestor, which has it for a parent: that circle would stay.
    let parent = unsafe core.pointee.parent
    unsafe core.pointee.parent = hub.pointee.mainHandle
    EngineCounters.report(
      unraisable: GreenletError.exitSwallowed(greenlet: unsafe core.pointee.name))
    // It goes when all is in place: that may end it.
    withExtendedLifetime(parent) {}
  }
}
