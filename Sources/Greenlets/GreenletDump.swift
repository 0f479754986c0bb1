// A dump: all greenlets of the process with their stacks, also on a signal.

import CSwitch
import Stacks
import Synchronization

extension Greenlet {
  /// The return addresses of a suspended greenlet, innermost first, up to its first frame.
  ///
  /// Empty for one that is not suspended on this thread. The creator's frames are not part of it.
  ///
  /// - Complexity: O(frames). Frames without a frame pointer are left out.
  public final func backtrace() -> [UInt] {
    guard state == .suspended, unsafe core.pointee.hub == GreenletHub.ofThisThread() else {
      return []
    }
    return cell.walk()
  }
}

extension GreenletCell {
  /// Follows the frame pointers of a greenlet that is saved.
  func walk(limit: Int = 256) -> [UInt] {
    let context = unsafe core.pointee.context
    var addresses = [UInt(bitPattern: unsafe context.ip)]
    var frame = UInt(bitPattern: unsafe context.fp)
    // Outer frames lie higher; a chain that does not is not one.
    while frame & 7 == 0, addresses.count < limit, let outer = word(at: frame),
      let address = word(at: frame + 8)
    {
      if address == 0 { break }
      addresses.append(address)
      if outer <= frame { break }
      frame = outer
    }
    return addresses
  }

  /// A word of the greenlet's frames, wherever it lies now; nil for what is not on its stack.
  private func word(at address: UInt) -> UInt? {
    if unsafe core.pointee.isSliced, let region = unsafe core.pointee.hub?.pointee.slices {
      let slice = unsafe Slice(core: core)
      guard let stop = unsafe region.pointee.stop(of: slice) else { return nil }
      return slice.word(at: address, stop: stop)
    }
    if let head = unsafe core.pointee.head {
      // SAFETY: frozen, and on its own thread, which alone thaws it.
      if let kept = unsafe core.pointee.kept {
        return unsafe FrozenStack(address: kept).word(at: address)
      }
      let lowest = UInt(bitPattern: unsafe head.pointee.lowest)
      guard address >= lowest, address < UInt(bitPattern: head) else { return nil }
    }
    return unsafe UnsafePointer<UInt>(bitPattern: address)?.pointee
  }
}

/// Writes down which greenlets there are and where they are suspended.
public enum GreenletDump {
  /// This thread's greenlets, as a tree of parents with the backtraces of the suspended.
  ///
  /// - Complexity: O(greenlets and their frames); looks up the name of each function.
  public static func ofThisThread() -> String {
    let hub = unsafe GreenletHub.ofThisThread()
    return unsafe text(hub)
  }

  /// The function that an address lies in, demangled, with the distance from its beginning.
  ///
  /// - Parameter address: As in ``Greenlet/backtrace()``.
  /// - Returns: The bare address where the program has no name for it.
  public static func symbol(at address: UInt) -> String {
    var buffer = [CChar](repeating: 0, count: 1024)
    unsafe gb_symbol(UnsafeRawPointer(bitPattern: address), &buffer, buffer.count)
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  static func text(_ hub: UnsafeMutablePointer<GreenletHub>) -> String {
    var cells: [GreenletCell] = []
    var one = unsafe hub.pointee.started
    while let core = unsafe one {
      if unsafe core.pointee.phase != .dead { cells.append(unsafe GreenletCell(core: core)) }
      unsafe one = core.pointee.next
    }
    // Oldest first, children under their parents.
    cells.sort { unsafe $0.core.pointee.id < $1.core.pointee.id }
    var children: [UInt: [GreenletCell]] = [:]
    let main = unsafe GreenletCell(core: hub.pointee.main)
    for cell in cells where cell != main {
      var parent = cell.parent ?? main
      while unsafe parent.core.pointee.phase != .active, let next = parent.parent { parent = next }
      children[UInt(bitPattern: unsafe parent.core), default: []].append(cell)
    }
    var out = "thread \(unsafe hub.pointee.thread): \(cells.count) greenlets\n"
    var stack = [(main, 1)]
    while let (cell, depth) = stack.popLast() {
      let margin = String(repeating: "  ", count: depth)
      let isCurrent = unsafe hub.pointee.current == cell.core
      let isQuarantined = unsafe cell.core.pointee.phase == .quarantined
      let state = isCurrent ? "running" : isQuarantined ? "quarantined" : "suspended"
      out +=
        unsafe "\(margin)\(cell.core.pointee.name) (number \(cell.core.pointee.id), \(state))\n"
      if !isCurrent {
        for address in cell.walk(limit: 64) { out += "\(margin)  at \(symbol(at: address))\n" }
      }
      for child in (children[UInt(bitPattern: unsafe cell.core)] ?? []).reversed() {
        stack.append((child, depth + 1))
      }
    }
    return out
  }

  // MARK: - All threads

  private static let output = Atomic<Int32>(2)
  private static let answered = Atomic<Int>(0)

  /// Has every thread write down its greenlets, each at its next switch.
  ///
  /// - Parameter file: A file descriptor; standard error otherwise.
  /// - Returns: How many threads were asked; ``answers`` says how many have written.
  @discardableResult public static func request(to file: Int32 = 2) -> Int {
    output.store(file, ordering: .relaxed)
    var count = 0
    unsafe ThreadList.visit { hub in
      unsafe hub.pointee.watch(for: GreenletHub.Watch.dump)
      count += 1
    }
    return count
  }

  /// How many threads have written so far, to all requests together.
  public static var answers: Int { answered.load(ordering: .relaxed) }

  static func answer(_ hub: UnsafeMutablePointer<GreenletHub>) {
    unsafe hub.pointee.stopWatching(for: GreenletHub.Watch.dump)
    StandardError.write(unsafe text(hub), to: output.load(ordering: .relaxed))
    answered.add(1, ordering: .relaxed)
  }

  /// Has every thread write down its greenlets to standard error whenever a signal comes.
  ///
  /// The signal only leaves a note, which a thread of the library's own reads; each thread writes at
  /// its next switch, and one that is stuck in a greenlet does not. What had handled the signal before does not any more.
  ///
  /// - Parameter number: As `SIGUSR1`.
  /// - Returns: Whether the signal can be handled.
  public static func onSignal(_ number: Int32) -> Bool {
    gb_on_signal(number) { GreenletDump.request() } == 0
  }
}

extension GreenletHub {
  static func answerDump(_ hub: UnsafeMutablePointer<GreenletHub>) {
    unsafe GreenletDump.answer(hub)
  }
}
