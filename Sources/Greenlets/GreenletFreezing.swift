// Freezing: suspended greenlets as a few hundred bytes, their pages returned.

import CSwitch
public import Stacks

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension Greenlet {
  /// Copies the live frames of this suspended greenlet into a small block, and returns its pages.
  ///
  /// It thaws at the same addresses when it is next continued, whoever does that: pointers into its
  /// frames are good again then, and not before. Greenlets that are not frozen switch as fast as ever.
  ///
  /// - Returns: Bytes that are kept; 0 when it is frozen already, unstarted or dead, or sliced: those
  ///   have no pages of their own.
  /// - Throws: ``GreenletError/notOnItsStack(greenlet:)`` for the running one, a main one, and one that
  ///   is suspended on the stack of a coroutine that it resumed;
  ///   ``GreenletError/wrongThread(greenlet:current:)``;
  ///   ``GreenletError/notFrozen(greenlet:reason:)`` when there is no memory for the copy.
  /// - Complexity: O(live bytes), an allocation and a system call.
  @discardableResult public final func freeze() throws(GreenletError) -> ByteCount {
    let hub = unsafe GreenletHub.ofThisThread()
    guard unsafe core.pointee.phase == .active else { return ByteCount(0) }
    try unsafe cell.checkThread(hub)
    guard unsafe core.pointee.kept == nil, unsafe !core.pointee.isSliced else {
      return ByteCount(0)
    }
    guard unsafe cell.canFreeze(on: hub) else { throw .notOnItsStack(greenlet: name) }
    return try unsafe cell.freeze(on: hub)
  }

  /// Whether its frames are in a block and not on its stack.
  public final var isFrozen: Bool {
    unsafe core.pointee.kept != nil && core.pointee.head != nil
  }

  /// Whether an address lies on the stack that the sliced greenlets of this thread share.
  ///
  /// What lies there is good only while the greenlet runs whose frame it is in.
  public static func isOnSharedStack(_ address: UnsafeRawPointer) -> Bool {
    guard let region = unsafe GreenletHub.ofThisThread().pointee.slices else { return false }
    return unsafe region.pointee.contains(UInt(bitPattern: address))
  }

  /// What the slices of this thread have cost so far, and hold now.
  public static var sliceCounters: SliceCounters {
    unsafe GreenletHub.ofThisThread().pointee.slices?.pointee.counters ?? SliceCounters()
  }

  /// Bytes that this greenlet has used of its stack at the deepest.
  ///
  /// As ``StackPool/highWater(of:)``: of all that ran on the stack since it was carved. Nil for one
  /// without a stack of its own in memory: unstarted, dead, main, sliced or frozen.
  ///
  /// - Complexity: O(resident pages of the stack), and a system call.
  public final var highWaterMark: ByteCount? {
    guard unsafe core.pointee.phase == .active, let head = unsafe core.pointee.head,
      unsafe core.pointee.kept == nil
    else { return nil }
    return unsafe StackPool.depth(head)
  }

  /// Freezes greenlets of this thread that have not run since the last sweep.
  ///
  /// The first sweep only marks the suspended ones; a switch takes the mark away, without costing
  /// one more instruction where there is none.
  ///
  /// - Returns: How many were frozen, and what is kept of them.
  /// - Complexity: O(greenlets of the thread).
  @discardableResult public static func freezeIdle() -> (greenlets: Int, bytes: ByteCount) {
    let hub = unsafe GreenletHub.ofThisThread()
    return unsafe hub.pointee.sweepIdle()
  }

  /// Gives back what ended greenlets have left: idle stacks of this thread's pools, and the pages of
  /// the engine's own records of them.
  ///
  /// What the allocator of the process keeps is its own business.
  ///
  /// - Throws: What the system refused, the first time; see ``StackPool/trim(keeping:)``. All else is
  ///   given back.
  /// - Complexity: O(idle stacks and ended greenlets).
  public static func trim() throws(StackError) {
    let hub = unsafe GreenletHub.ofThisThread()
    unsafe CorePool.trim(hub)
    if case .pool(let pool) = unsafe hub.pointee.strategy { try pool.trim() }
    _ = unsafe try hub.pointee.pools.trim()
  }

  /// When greenlets of this thread are frozen by themselves; never at first.
  ///
  /// The thread looks when it has to make a stack, which is when its memory grows.
  public static var freezing: FreezePolicy? {
    get { unsafe GreenletHub.ofThisThread().pointee.freezing }
    set { unsafe GreenletHub.ofThisThread().pointee.freezing = newValue }
  }
}

/// When idle greenlets are frozen by themselves.
public struct FreezePolicy: Hashable, Sendable {
  /// Nanoseconds between two sweeps: a greenlet that has not run for so long is frozen, and at the
  /// latest after twice that.
  public var idleNanoseconds: UInt64

  /// Sweeps happen only while the process has more than this in memory; always when nil.
  public var whenResidentExceeds: ByteCount?

  /// A policy.
  public init(idleNanoseconds: UInt64, whenResidentExceeds: ByteCount? = nil) {
    self.idleNanoseconds = idleNanoseconds
    self.whenResidentExceeds = whenResidentExceeds
  }

  /// Resident memory of the process; nil where the system does not say.
  private static var resident: ByteCount? {
    guard let file = unsafe fopen("/proc/self/statm", "r") else { return nil }
    defer { unsafe fclose(file) }
    var text = [CChar](repeating: 0, count: 128)
    guard unsafe fgets(&text, Int32(text.count), file) != nil else { return nil }
    let bytes = text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    guard words.count > 1, let pages = Int(words[1]) else { return nil }
    return ByteCount(pages * StackGuard.pageSize.bytes)
  }

  var isPressing: Bool {
    guard let bound = whenResidentExceeds else { return true }
    return Self.resident.map { $0 > bound } ?? false
  }
}

extension GreenletCell {
  /// Whether its frames are on its own stack alone, and nobody runs on them.
  func canFreeze(on hub: UnsafeMutablePointer<GreenletHub>) -> Bool {
    guard unsafe hub.pointee.current != core, let head = unsafe core.pointee.head else {
      return false
    }
    let sp = unsafe core.pointee.context.sp
    guard let sp = unsafe sp else { return false }
    return unsafe sp >= head.pointee.lowest && sp < UnsafeMutableRawPointer(head)
  }

  /// - Precondition: ``canFreeze(on:)``.
  func freeze(on hub: UnsafeMutablePointer<GreenletHub>) throws(GreenletError) -> ByteCount {
    guard let head = unsafe core.pointee.head, let sp = unsafe core.pointee.context.sp else {
      preconditionFailure("a suspended greenlet without frames")
    }
    let frozen: FrozenStack
    do {
      // SAFETY: suspended, so all below its stack pointer is dead; see gb_switch.
      frozen = try unsafe FrozenStack.freeze(head, from: sp)
    } catch {
      throw .notFrozen(greenlet: unsafe core.pointee.name, reason: error.description)
    }
    unsafe core.pointee.kept = frozen.address
    // Whoever switches to it takes the long way, on which it thaws.
    unsafe core.pointee.usualHub = nil
    return ByteCount(frozen.bytes)
  }

  /// Puts the frames of a frozen greenlet back.
  func thaw() {
    guard unsafe core.pointee.head != nil, let kept = unsafe core.pointee.kept.take() else {
      return
    }
    // SAFETY: `freeze` kept it.
    unsafe FrozenStack(address: kept).thaw()
  }
}

extension GreenletHub {
  /// Freezes what was marked and has not run since, and marks the others.
  mutating func sweepIdle() -> (greenlets: Int, bytes: ByteCount) {
    var (count, bytes) = (0, 0)
    var next = unsafe started
    while let core = unsafe next {
      unsafe next = core.pointee.next
      let cell = unsafe GreenletCell(core: core)
      guard unsafe core.pointee.phase == .active, unsafe core != main, unsafe core != current,
        unsafe core.pointee.kept == nil, let own = unsafe core.pointee.hub,
        unsafe cell.canFreeze(on: own)
      else { continue }
      if unsafe core.pointee.isMarkedIdle && core.pointee.usualHub == nil {
        // What cannot be frozen for want of memory stays as it is, and is tried again next time.
        if let kept = try? unsafe cell.freeze(on: own) {
          count += 1
          bytes += kept.bytes
        }
      } else if unsafe core.pointee.accesses == nil {
        // A switch to it takes the long way once, and that makes it usual again.
        unsafe core.pointee.isMarkedIdle = true
        unsafe core.pointee.usualHub = nil
      }
    }
    return (count, ByteCount(bytes))
  }

  /// Sweeps if the policy says that it is time.
  mutating func sweepIfDue() {
    guard let freezing else { return }
    let now = gb_nanoseconds()
    guard now - lastSweep >= freezing.idleNanoseconds, freezing.isPressing else { return }
    lastSweep = now
    _ = sweepIdle()
  }
}
