// Events: what observers are told.

import CSwitch

/// Something that happened to a greenlet.
///
/// It holds handles of both greenlets: an event that is kept keeps them from being ended.
public struct GreenletEvent {
  /// What happened.
  ///
  /// More kinds may come: ignore those that you do not know.
  public enum Kind: String, Sendable {
    /// Made; told on the creator's stack.
    case create

    /// About to run for the first time; told by whoever switches to it.
    case start

    /// ``GreenletEvent/target`` was continued with a value, and is current; `origin` was left.
    ///
    /// A switch to oneself, or to a dead greenlet that stands for the caller, has one for both.
    case `switch`

    /// As `switch`, with an error.
    case `throw`

    /// Its body is over; told on its stack.
    case exit

    /// About to be ended because nobody holds it.
    case reap

    /// Waits for something; schedulers tell it by ``GreenletObservers/tell(_:about:)``.
    case block

    /// Can go on; schedulers tell it.
    case wake
  }

  /// What happened.
  public let kind: Kind

  /// Who was left; for other kinds than `switch` and `throw`, whom it is about.
  public let origin: GreenletReference

  /// Who was continued; for other kinds, whom it is about.
  public let target: GreenletReference

  /// What is thrown, for `throw`.
  public let error: (any Error)?

  /// Of the monotonic clock.
  public let nanoseconds: UInt64

  /// A number of the thread, from 1.
  public let thread: UInt64
}

/// Who an event is about.
public struct GreenletReference: Hashable {
  /// As ``Greenlet/id``.
  public let id: UInt64
  /// As ``Greenlet/name`` was.
  public let name: String

  /// Whether it is its thread's own stack.
  public let isMain: Bool

  /// The handle; nil for one that is ended because it has none.
  public let greenlet: Greenlet?

  init(_ cell: GreenletCell) {
    id = unsafe cell.core.pointee.id
    name = unsafe cell.core.pointee.name
    isMain = unsafe cell.core.pointee.isMain
    greenlet = cell.handleIfAny()
  }
}
