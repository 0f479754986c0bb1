// Counts of what lives and what went wrong, over all threads.

public import Synchronization

/// What one thread has done with greenlets.
///
/// Written by that thread alone, read by all.
@frozen @usableFromInline struct GreenletCounts: ~Copyable {
  @usableFromInline let created = Atomic<Int>(0)
  @usableFromInline let started = Atomic<Int>(0)
  @usableFromInline let finished = Atomic<Int>(0)
  @usableFromInline let droppedUnstarted = Atomic<Int>(0)
  @usableFromInline let quarantined = Atomic<Int>(0)
  let unraisable = Atomic<Int>(0)

  @usableFromInline init() {}

  @frozen @usableFromInline enum Kind { case created, started, finished, dropped, quarantined }

  /// Adds one: a plain addition, since nobody else writes.
  @inlinable @inline(__always) func note(_ kind: Kind) {
    switch kind {
    case .created: Self.increment(created)
    case .started: Self.increment(started)
    case .finished: Self.increment(finished)
    case .dropped: Self.increment(droppedUnstarted)
    case .quarantined: Self.increment(quarantined)
    }
  }

  @inlinable @inline(__always) static func increment(_ count: borrowing Atomic<Int>) {
    count.store(count.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  /// Adds another thread's counts.
  func add(_ other: borrowing GreenletCounts) {
    created.add(other.created.load(ordering: .relaxed), ordering: .relaxed)
    started.add(other.started.load(ordering: .relaxed), ordering: .relaxed)
    finished.add(other.finished.load(ordering: .relaxed), ordering: .relaxed)
    droppedUnstarted.add(other.droppedUnstarted.load(ordering: .relaxed), ordering: .relaxed)
    quarantined.add(other.quarantined.load(ordering: .relaxed), ordering: .relaxed)
  }
}

/// What lives and what went wrong so far, over all threads.
public enum EngineCounters {
  /// How often a body is asked to end before its stack is given up.
  @inlinable public static var exitTriesMax: Int { 10 }

  private static let quarantinedCount = Atomic<Int>(0)

  /// Stacks that are left alone for good, because their bodies refused to end.
  public static var quarantined: Int { quarantinedCount.load(ordering: .relaxed) }

  private static let unraisableCount = Atomic<Int>(0)

  /// Errors that left a body which was being ended because nobody held it any more: there was
  /// nobody to throw them to.
  public static var unraisable: Int { unraisableCount.load(ordering: .relaxed) }

  private static let swallowedCount = Atomic<Int>(0)

  /// How often a body caught its exit and switched away.
  public static var swallowedExits: Int { swallowedCount.load(ordering: .relaxed) }

  /// Threads that have a main greenlet.
  ///
  /// - Complexity: O(1); locks the list of threads.
  public static var mainGreenlets: Int { ThreadList.count }

  /// A function in a structure: as itself, generic memory wraps it anew each time that it is read and
  /// set again, and the calls of a long chain of wraps overflow a stack.
  private struct UnraisableHook {
    let tell: @Sendable (any Error) -> Void
  }

  private static let hook = Mutex<UnraisableHook?>(nil)

  /// Is called with each error that nobody can be thrown, on the thread where it came up.
  ///
  /// A line on standard error when nil. One for all threads; setting it needs no care. It is called
  /// in the middle of ending a greenlet, so better not switch in it.
  public static var onUnraisable: (@Sendable (any Error) -> Void)? {
    get { hook.withLock { $0 }?.tell }
    set {
      // Not by `map`: that is generic memory, too, in code which nobody specialised.
      let new: UnraisableHook? = if let newValue { UnraisableHook(tell: newValue) } else { nil }
      // The old one is let go of outside of the lock: what it captured may come back here.
      let old = hook.withLock { hook in
        defer { hook = new }
        return hook
      }
      withExtendedLifetime(old) {}
    }
  }

  /// Those that came up on this thread.
  public static var unraisableOfThisThread: Int {
    unsafe GreenletHub.ofThisThread().pointee.counts.unraisable.load(ordering: .relaxed)
  }

  @usableFromInline static func report(unraisable error: any Error) {
    unraisableCount.add(1, ordering: .relaxed)
    unsafe GreenletCounts.increment(GreenletHub.ofThisThread().pointee.counts.unraisable)
    if let hook = onUnraisable {
      hook(error)
    } else {
      StandardError.write("greenlets: nobody was left to take this error: \(error)\n")
    }
  }

  @usableFromInline static func countQuarantine() { quarantinedCount.add(1, ordering: .relaxed) }
  static func countSwallowedExit() { swallowedCount.add(1, ordering: .relaxed) }
}

/// How many greenlets are in which state, over all threads.
///
/// Threads go on meanwhile, so the numbers are those of moments close to each other.
public struct GreenletCensus: Hashable, Sendable {
  /// Made, and neither started nor dropped.
  public let unstarted: Int

  /// Running and suspended, main greenlets included.
  public let active: Int

  /// One for each thread that uses greenlets.
  public let running: Int

  /// Active ones that do not run.
  public let suspended: Int

  /// Died so far; a main greenlet does with its thread.
  public let finished: Int

  /// Given up so far, because they refused to end.
  public let quarantined: Int

  /// Created so far, main greenlets included.
  public let created: Int

  /// The numbers of now.
  ///
  /// - Complexity: O(threads); locks their list for so long.
  public static var now: GreenletCensus {
    let sum = GreenletCounts()
    sum.add(ThreadList.ended)
    var running = 0
    unsafe ThreadList.visit { hub in
      unsafe sum.add(hub.pointee.counts)
      running += 1
    }
    let (created, started) = (
      sum.created.load(ordering: .relaxed), sum.started.load(ordering: .relaxed)
    )
    let (finished, quarantined) = (
      sum.finished.load(ordering: .relaxed), sum.quarantined.load(ordering: .relaxed)
    )
    let active = started - finished - quarantined
    return GreenletCensus(
      unstarted: created - started - sum.droppedUnstarted.load(ordering: .relaxed), active: active,
      running: running, suspended: active - running, finished: finished, quarantined: quarantined,
      created: created)
  }
}
