// Start: where a greenlet's frames will be, and the first of them.

import CSanitizers
import CSwitch
import Stacks

extension GreenletHub {
  /// Gives an unstarted greenlet its stack.
  static func takeStack(
    _ cell: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>
  ) throws(GreenletError) {
    let name = unsafe cell.core.pointee.name
    if unsafe hub.pointee.faults.failsStack() {
      throw .noStack(greenlet: name, reason: "an injected fault")
    }
    if unsafe cell.isToBeSliced(on: hub) {
      try unsafe takeSlice(cell, on: hub)
    } else {
      try unsafe takeDedicated(cell, on: hub)
    }
    unsafe cell.core.pointee.phase = .active
    unsafe cell.core.pointee.hub = hub
    unsafe cell.core.pointee.usualHub = cell.core.pointee.canBeUsual ? hub : nil
    unsafe hub.pointee.link(cell)
    unsafe hub.pointee.counts.note(.started)
    if unsafe hub.pointee.watches(for: Watch.machine) { cell.makeRare() }
    cell.prepareFiber()
    unsafe hub.pointee.note(.start, of: cell)
  }

  private static func takeDedicated(
    _ cell: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>
  ) throws(GreenletError) {
    let head: UnsafeMutablePointer<StackHead>
    do {
      let pool = unsafe hub.pointee.pool(of: cell)
      if pool.idleCount == 0 { unsafe hub.pointee.sweepIfDue() }
      unsafe head = try pool.lend().head
    } catch {
      throw .noStack(greenlet: unsafe cell.core.pointee.name, reason: error.description)
    }
    if unsafe head.pointee.parked == GreenletCell.parkingName {
      unsafe cell.core.pointee.context = GreenletCell.parkedContext(head).pointee
    } else {
      // SAFETY: the frames begin below the 64 bytes that `parkedContext` uses.
      unsafe gb_context_init(
        cell.context, UnsafeMutableRawPointer(head) - 64, greenletMain, cell.core)
    }
    unsafe head.pointee.parked = 0
    unsafe cell.core.pointee.head = head
  }

  /// Gives a greenlet a block for its slice, and sees that it can be continued.
  private static func takeSlice(
    _ cell: GreenletCell, on hub: UnsafeMutablePointer<GreenletHub>
  ) throws(GreenletError) {
    _ = unsafe try hub.pointee.sliceRegion()
    let choice = unsafe cell.core.pointee.choice
    guard unsafe Slice.makeBlock(cell.core) else {
      throw .noStack(greenlet: unsafe cell.core.pointee.name, reason: "no memory for its slice")
    }
    unsafe cell.core.pointee.choice = .sliced
    // Until it runs it has no frames; what its core was saved as before are another one's.
    unsafe cell.core.pointee.context = gb_context()
    do { try unsafe prepare(cell, on: hub) } catch {
      // One that cannot start stays as it is: a core that is freed must not have a block.
      if let block = unsafe cell.core.pointee.kept.take() { unsafe freeSlice(block) }
      unsafe cell.core.pointee.choice = choice
      throw error
    }
  }

  /// The pool that a greenlet's stack is out of.
  private mutating func pool(of cell: GreenletCell) -> StackPool {
    if let pool = unsafe cell.core.pointee.stacks { return pool }
    if let size = unsafe cell.core.pointee.choice.size { return pools.pool(for: size) }
    return poolOfThread()
  }
}

extension GreenletCell {
  fileprivate func isToBeSliced(on hub: UnsafeMutablePointer<GreenletHub>) -> Bool {
    let choice = unsafe core.pointee.choice
    guard choice == .threads else { return choice == .sliced }
    if case .sliced = unsafe hub.pointee.strategy { return true }
    return false
  }
}

/// The first frame of every greenlet, and of every later one on the same stack.
///
/// Holds nothing while it waits but a count of what started the last body; see SharedStarts.swift.
func greenletMain(_ argument: UnsafeMutableRawPointer?, _ first: UInt) {
  guard let argument = unsafe argument else { preconditionFailure("a greenlet without a core") }
  // SAFETY: `argument` is the core that takeStack passed.
  var arrival = unsafe GreenletArrival(
    cell: GreenletCell(core: argument.assumingMemoryBound(to: GreenletCore.self)), word: first)
  arrival.cell.arriveFiber()
  while true {
    arrival = startAll(arrival)
    // A slice is left by its first frame: the others have given back what they held.
    if let departure = SliceDeparture.take() { departure.leave() }
    arrival.cell.arriveFiber()
  }
}

@inline(__always) private func startAll(_ arrival: GreenletArrival) -> GreenletArrival {
  let start = arrival.cell.takeStart()
  return start.run(arrival.cell, arrival.word)
}
