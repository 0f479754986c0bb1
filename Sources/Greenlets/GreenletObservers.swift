// Observers: who is told of events, of one thread or of all.

import CSwitch
import Synchronization

/// A thread's observer.
///
/// It is told of a switch by whoever arrives, so the origin is suspended or dead. The event's error is
/// what the target is about to get.
///
/// An error that it throws at a `switch` or `throw` removes it, takes the place of what was being
/// delivered, and is thrown in the target. At another kind of event it removes it, and is reported as
/// unraisable.
public typealias GreenletTracer = (GreenletEvent) throws -> Void

extension Greenlet {
  /// This thread's tracer, nil if there is none.
  public static var tracer: GreenletTracer? {
    unsafe GreenletHub.ofThisThread().pointee.tracer
  }

  /// Sets this thread's tracer, or removes it with nil.
  ///
  /// It is told of every switch on the target's stack, after the switch, and may switch itself: what
  /// is being delivered is safe. While it runs, this thread's events are not told.
  ///
  /// - Returns: The one before.
  @discardableResult public static func setTracer(_ tracer: GreenletTracer?) -> GreenletTracer? {
    let hub = unsafe GreenletHub.ofThisThread()
    let old = unsafe hub.pointee.tracer
    unsafe hub.pointee.tracer = tracer
    if tracer == nil {
      unsafe hub.pointee.stopWatching(for: GreenletHub.Watch.tracer)
    } else {
      unsafe hub.pointee.watch(for: GreenletHub.Watch.tracer)
    }
    return old
  }
}

/// Observers of all threads.
///
/// While there is none, a switch pays one branch for them.
public enum GreenletObservers {
  /// Names an observer that was added.
  public struct Token: Hashable, Sendable { let number: Int }

  private struct Entry {
    let number: Int
    let observer: @Sendable (GreenletEvent) -> Void
  }

  private struct List {
    var next = 1
    var entries: [Entry] = []
  }

  private static let list = Mutex(List())

  static var areAny: Bool { list.withLock { !$0.entries.isEmpty } }

  /// Adds an observer, told of the events of all threads on the thread where they happen.
  ///
  /// It may be called by several threads at once. It may switch, and is not told of that.
  ///
  /// - Returns: What ``remove(_:)`` takes.
  /// - Complexity: O(threads).
  public static func add(_ observer: @escaping @Sendable (GreenletEvent) -> Void) -> Token {
    let token = list.withLock { list in
      defer { list.next += 1 }
      list.entries.append(Entry(number: list.next, observer: observer))
      return Token(number: list.next)
    }
    unsafe ThreadList.visit { unsafe $0.pointee.watch(for: GreenletHub.Watch.observers) }
    return token
  }

  /// Removes an observer.
  ///
  /// One that was removed already is no error. Another thread may be in the middle of calling it.
  public static func remove(_ token: Token) {
    // Let go of outside of the lock: what it captured may use this very list.
    let (removed, isEmpty) = list.withLock { list in
      let removed = list.entries.filter { $0.number == token.number }
      list.entries.removeAll { $0.number == token.number }
      return (removed, list.entries.isEmpty)
    }
    withExtendedLifetime(removed) {}
    guard isEmpty else { return }
    defer {
      // One that was added meanwhile is told, too.
      if areAny {
        unsafe ThreadList.visit { unsafe $0.pointee.watch(for: GreenletHub.Watch.observers) }
      }
    }
    unsafe ThreadList.visit { unsafe $0.pointee.stopWatching(for: GreenletHub.Watch.observers) }
  }

  /// Tells this thread's tracer and all observers that a greenlet waits or can go on.
  ///
  /// For schedulers: the engine knows of neither.
  ///
  /// - Parameters:
  ///   - kind: ``GreenletEvent/Kind/block`` or ``GreenletEvent/Kind/wake``.
  ///   - greenlet: Who waits or can go on.
  public static func tell(_ kind: GreenletEvent.Kind, about greenlet: Greenlet) {
    unsafe GreenletHub.ofThisThread().pointee.note(kind, of: greenlet.cell)
  }

  static func tell(_ event: GreenletEvent) {
    for entry in list.withLock({ $0.entries }) { entry.observer(event) }
  }
}

extension GreenletHub {
  private var isObserved: Bool {
    watch.load(ordering: .relaxed) & (Watch.tracer | Watch.observers) != 0 && !isObserving
  }

  /// Tells of something at once.
  mutating func note(_ kind: GreenletEvent.Kind, of cell: GreenletCell) {
    guard isObserved else { return }
    let reference = GreenletReference(cell)
    do { try tell(kind, from: reference, to: reference, error: nil) } catch {
      EngineCounters.report(unraisable: error)
    }
  }

  /// Has whoever arrives tell of a switch.
  mutating func note(_ kind: GreenletEvent.Kind, from leaving: GreenletCell) {
    if watches(for: Watch.slices), slice.end(of: leaving, on: thread) { pending.insert(.event) }
    guard isObserved else { return }
    event = kind
    eventOrigin = GreenletReference(leaving)
    pending.insert(.event)
  }

  /// Tells of the switch that brought us here.
  mutating func reportArrival(failing: (any Error)?) throws {
    pending.remove(.event)
    // Told here, where nothing is on its way any more: what is told may switch.
    if let late = slice.late.take() { GreenletWatchdog.tell(late) }
    guard let kind = event.take(), let origin = eventOrigin.take() else { return }
    let target = unsafe GreenletReference(GreenletCell(core: current))
    // What was on its way is the target's own by now, so the tracer may switch.
    try tell(kind, from: origin, to: target, error: failing)
  }

  private mutating func tell(
    _ kind: GreenletEvent.Kind, from origin: GreenletReference, to target: GreenletReference,
    error: (any Error)?
  ) throws {
    let event = GreenletEvent(
      kind: kind, origin: origin, target: target, error: error, nanoseconds: gb_nanoseconds(),
      thread: thread)
    isObserving = true
    defer { isObserving = false }
    if watches(for: Watch.observers) { GreenletObservers.tell(event) }
    guard let tracer else { return }
    do { try tracer(event) } catch {
      Greenlet.setTracer(nil)
      throw error
    }
  }
}
