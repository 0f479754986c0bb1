// What starts the bodies of one type, kept once and for ever where it captures something.

import Synchronization

/// What starts bodies, by their type.
///
/// Where the compiler knows a body's types, what starts it captures nothing. In an unoptimised build,
/// and in generic code that is not specialised, it captures those types, in an object on the heap.
/// The first frame on an idle stack still holds that object from the last body, and no such frame is
/// ever unwound: another kind of fiber is laid over it, or the stack is unmapped. So all bodies of a
/// type share one object: what goes with a frame is one of its counts, not memory.
struct SharedStarts<Start: Sendable>: ~Copyable {
  private let byType = Mutex<[ObjectIdentifier: Start]>([:])

  /// The one that all bodies of a type share; `start` itself if it is the first.
  ///
  /// Memory: an entry for each type, for ever.
  func shared(_ start: Start, of body: Any.Type) -> Start {
    byType.withLock { byType in
      let type = ObjectIdentifier(body)
      if let known = byType[type] { return known }
      byType[type] = start
      return start
    }
  }
}

extension GreenletCell {
  private static let sharedStarts = SharedStarts<GreenletCore.Start>()

  /// Exchanges what starts the kept body for the one that all bodies of its type share.
  @usableFromInline @inline(never) func shareStart(of body: Any.Type) {
    let start = Self.sharedStarts.shared(takeStart(), of: body)
    // SAFETY: its own was taken, so the place is uninitialised.
    unsafe startPlace.initializeMemory(as: GreenletCore.Start?.self, to: start)
  }
}

extension CoroutineCell {
  private static let sharedStarts = SharedStarts<CoroutineCore.Start>()

  /// Exchanges what starts the kept body for the one that all bodies of its type share.
  @usableFromInline @inline(never) func shareStart(of body: Any.Type) {
    let start = Self.sharedStarts.shared(takeStart(), of: body)
    keep(start: start.run)
  }
}

// SAFETY (both @unchecked Sendable): they capture types alone, which nobody changes.
extension GreenletCore.Start: @unchecked Sendable {}
extension CoroutineCore.Start: @unchecked Sendable {}
