// Threads: how a hub begins and ends, who has one, and what a fork leaves of them.

import CSanitizers
import CSwitch
import Stacks
import Synchronization

extension GreenletHub {
  /// Sets up this thread's hub and its main greenlet.
  @usableFromInline @inline(never) static func setUp() -> UnsafeMutablePointer<GreenletHub> {
    let hub = UnsafeMutablePointer<GreenletHub>.allocate(capacity: 1)
    let cell = CorePool.takeAny()
    unsafe cell.core.pointee.phase = .active
    unsafe cell.core.pointee.isMain = true
    unsafe cell.core.pointee.name = "main"
    // What it ran in an earlier life: main has no body, and none that follows is like it.
    unsafe cell.core.pointee.start = (0, 0)
    unsafe cell.core.pointee.hub = hub
    unsafe cell.core.pointee.usualHub = hub
    unsafe hub.initialize(
      to: GreenletHub(
        main: cell.core, thread: ThreadList.nextThread(),
        accesses: UnsafeMutableRawPointer(gb_accesses())
          .assumingMemoryBound(to: UnsafeMutableRawPointer?.self)))
    unsafe gb_hub_set(hub)
    unsafe hub.pointee.setStrategy(.standard)
    unsafe hub.pointee.link(cell)
    unsafe hub.pointee.counts.note(.created)
    unsafe hub.pointee.counts.note(.started)
    unsafe hub.pointee.mainHandle = Greenlet(adopting: cell)
    if gb_sanitizers_are_on() || !gb_accesses_are_found() {
      unsafe hub.pointee.watch(for: Watch.machine)
      cell.makeRare()
    }
    let failure = unsafe gb_hub_at_thread_end(hub) { hub in
      guard let hub = unsafe hub else { return }
      unsafe GreenletHub.tearDown(hub.assumingMemoryBound(to: GreenletHub.self))
    }
    precondition(failure == 0, "no key for the thread's greenlets: errno \(failure)")
    // Without a stack for it the report is not made; the overflow itself is found all the same.
    if OverflowReport.isEnabled { _ = gb_signal_stack() }
    unsafe ThreadList.add(hub)
    return unsafe hub
  }

  /// The thread ends: so do its greenlets, here and now.
  static func tearDown(_ hub: UnsafeMutablePointer<GreenletHub>) {
    // The key's destructor runs with the word still set; what ends may use the whole engine.
    unsafe endAll(hub)
    unsafe hub.pointee.freeSlices()
    unsafe hub.pointee.counts.note(.finished)
    for cell in unsafe ThreadList.retire(hub) { cell.free() }
    let main = unsafe GreenletCell(core: hub.pointee.main)
    main.destroyRare()
    // Freed with its last handle.
    unsafe main.core.pointee.phase = .dead
    unsafe CorePool.giveAll(hub)
    let (handle, stacks, tracer) = unsafe (
      hub.pointee.mainHandle.take(), hub.pointee.stacks.take(), hub.pointee.tracer.take()
    )
    gb_hub_set(nil)
    unsafe hub.deinitialize(count: 1)
    unsafe hub.deallocate()
    withExtendedLifetime((handle, stacks, tracer)) {}
  }
}

extension GreenletCell {
  /// Makes what an unusual greenlet needs.
  func makeRare() {
    guard unsafe core.pointee.rare == nil else { return }
    let rare = UnsafeMutablePointer<GreenletCore.RareParts>.allocate(capacity: 1)
    unsafe rare.initialize(to: GreenletCore.RareParts())
    if let head = unsafe core.pointee.head {
      let lowest = unsafe head.pointee.lowest
      unsafe gb_fiber_init(&rare.pointee.fiber, lowest, UnsafeMutableRawPointer(head) - lowest)
    } else if unsafe core.pointee.isMain {
      unsafe gb_fiber_init_thread(&rare.pointee.fiber)
    } else if let region = unsafe sliceBounds {
      unsafe gb_fiber_init(&rare.pointee.fiber, region.lowest, region.size)
    }
    unsafe core.pointee.settingsForWriting.rare = rare
    unsafe core.pointee.isUnusual = true
    unsafe core.pointee.usualHub = nil
  }

  /// Tells the sanitizer of a stack that came after the rest.
  func prepareFiber() {
    guard let rare = unsafe core.pointee.rare, unsafe rare.pointee.fiber.lowest == nil else {
      return
    }
    if let head = unsafe core.pointee.head {
      let lowest = unsafe head.pointee.lowest
      unsafe gb_fiber_init(&rare.pointee.fiber, lowest, UnsafeMutableRawPointer(head) - lowest)
    } else if let region = unsafe sliceBounds {
      unsafe gb_fiber_init(&rare.pointee.fiber, region.lowest, region.size)
    }
  }

  /// The shared stack, for a sliced greenlet that has started.
  private var sliceBounds: (lowest: UnsafeMutableRawPointer, size: Int)? {
    guard unsafe core.pointee.isSliced, let region = unsafe core.pointee.hub?.pointee.slices,
      let lowest = unsafe UnsafeMutableRawPointer(bitPattern: region.pointee.lowest)
    else { return nil }
    return unsafe (lowest, Int(region.pointee.top - region.pointee.lowest))
  }

  func destroyRare() {
    guard let settings = unsafe core.pointee.settings, let rare = unsafe settings.rare.take()
    else { return }
    if unsafe !core.pointee.isMain { unsafe gb_fiber_destroy(&rare.pointee.fiber) }
    unsafe rare.deinitialize(count: 1)
    unsafe rare.deallocate()
    unsafe core.pointee.isUnusual = false
  }
}

/// The hubs of the process.
enum ThreadList {
  /// Guards the list, and keeps a hub from ending while another thread lets a handle go.
  private static let gate = Gate()

  // SAFETY: touched with the gate held, only.
  nonisolated(unsafe) private static var hubs: [UInt] = []

  private static func withHubs<Result>(_ act: (inout [UInt]) -> Result) -> Result {
    gate.with { unsafe act(&hubs) }
  }

  private static let threads = Atomic<UInt64>(0)

  /// Counts of threads that have ended.
  static let ended = GreenletCounts()

  static func nextThread() -> UInt64 {
    threads.add(1, ordering: .relaxed).newValue
  }

  static func add(_ hub: UnsafeMutablePointer<GreenletHub>) {
    _ = forkPolicy
    let address = UInt(bitPattern: hub)
    withHubs { $0.append(address) }
    if GreenletObservers.areAny { unsafe hub.pointee.watch(for: GreenletHub.Watch.observers) }
  }

  static var count: Int { withHubs { $0.count } }

  /// Does something with every hub, none of which ends meanwhile.
  ///
  /// Only what other threads may touch of a hub is to be touched.
  static func visit(_ act: (UnsafeMutablePointer<GreenletHub>) -> Void) {
    withHubs { list in
      for address in list {
        if let hub = unsafe UnsafeMutablePointer<GreenletHub>(bitPattern: address) {
          unsafe act(hub)
        }
      }
    }
  }

  /// Takes a thread's hub off the list, and makes what is still held of its greenlets nobody's.
  ///
  /// In one step under the gate: whoever lets a handle go elsewhere sees the hub or does not.
  ///
  /// - Returns: The dead that nobody holds, for the thread to free.
  static func retire(_ hub: UnsafeMutablePointer<GreenletHub>) -> [GreenletCell] {
    withHubs { list in
      let address = UInt(bitPattern: hub)
      list.removeAll { $0 == address }
      unsafe ended.add(hub.pointee.counts)
      var unheld: [GreenletCell] = []
      while let core = unsafe hub.pointee.started {
        let cell = unsafe GreenletCell(core: core)
        unsafe hub.pointee.unlink(cell)
        unsafe core.pointee.usualHub = nil
        unsafe core.pointee.hub = nil
        if unsafe core != hub.pointee.main, !cell.isHeld, unsafe core.pointee.phase == .dead {
          unheld.append(cell)
        }
      }
      return unheld
    }
  }

  /// A handle was let go of on another thread than the greenlet's.
  static func handleGone(_ handle: UnsafeMutableRawPointer, of cell: GreenletCell) {
    let isOrphan = withHubs { _ in
      // Read again: the thread may have ended meanwhile.
      guard let hub = unsafe cell.core.pointee.hub else {
        unsafe cell.clear(handle)
        return true
      }
      // Its number first: once the handle is cleared, the owner may free the core.
      let left = unsafe GreenletHub.Left(
        address: UInt(bitPattern: cell.core), id: cell.core.pointee.id)
      unsafe hub.pointee.withHandles { unsafe cell.clear(handle) }
      unsafe hub.pointee.inboxGate.with { unsafe hub.pointee.inbox.append(left) }
      unsafe hub.pointee.watch(for: GreenletHub.Watch.inbox)
      return false
    }
    if isOrphan { cell.letGo() }
  }

  // MARK: - Fork

  // The child has the forking thread alone; what other threads owned is a copy nobody can run.
  private static let forkPolicy: Void = {
    let failure = gb_hub_at_fork(
      { ThreadList.lockForFork() }, { ThreadList.unlockAfterFork() },
      {
        ThreadList.unlockAfterFork()
        ThreadList.forgetOthers()
      })
    precondition(failure == 0, "no handler for forks: errno \(failure)")
  }()

  private static func lockForFork() {
    gate.lock()
    CorePool.lockForFork()
  }

  private static func unlockAfterFork() {
    CorePool.unlockAfterFork()
    gate.unlock()
  }

  private static func forgetOthers() {
    let own = unsafe UInt(bitPattern: gb_hub_get())
    let others = withHubs { list in
      defer { list = list.filter { $0 == own } }
      return list.filter { $0 != own }
    }
    for address in others {
      guard let hub = unsafe UnsafeMutablePointer<GreenletHub>(bitPattern: address) else {
        continue
      }
      // Their stacks stay as they are, and so do the hubs: a copy of a locked lock is never opened.
      var one = unsafe hub.pointee.started
      while let core = unsafe one {
        unsafe core.pointee.usualHub = nil
        unsafe core.pointee.hub = nil
        unsafe one = core.pointee.next
      }
    }
  }
}
