// What the engine owns of a greenlet: raw memory behind the handles.

import CSanitizers
public import CSwitch
public import Stacks

/// The engine's side of a greenlet.
///
///     unstarted --first switch--> active --the body is over--> dead
///
/// Invariant: an active core is touched by its own thread alone. `handle` is the one live handle, or
/// nil; a core without a handle is freed as soon as it is not active.
@safe @usableFromInline struct GreenletCore {
  @frozen @usableFromInline enum Phase: UInt8 {
    /// Memory that waits to be a greenlet again.
    case free
    case unstarted, active, dead

    /// Unstarted, and its body is being let go of unrun.
    case dropping

    /// It refused to end; its stack is left alone for good.
    case quarantined
  }

  /// Saved while it does not run.
  ///
  /// It comes first: a switch counts on it.
  @usableFromInline var context = unsafe gb_context()

  /// The hub, while a switch to this greenlet has nothing to look at but the contexts.
  @usableFromInline var usualHub: UnsafeMutablePointer<GreenletHub>?

  /// The thread's hub, from the first switch to the thread's end.
  @usableFromInline var hub: UnsafeMutablePointer<GreenletHub>?

  /// The live handle, unowned; see GreenletHandles.swift for who may touch it.
  @usableFromInline var handle: UnsafeMutableRawPointer?
  @usableFromInline var phase: Phase
  var isMain = false

  /// Whether somebody is ending it, and frees it in the end.
  var isEnding = false
  @usableFromInline var isUnusual = false

  /// Whether it has a strategy, a pool or control words of its own.
  @usableFromInline var asksForMore = false
  @usableFromInline var hasBody = false

  /// Where its frames are to live, or do.
  var choice = StackChoice.threads

  /// Whether it has not run since the last sweep for idle ones.
  var isMarkedIdle = false

  /// Strong: a child keeps its parent.
  ///
  /// Nil for a main greenlet alone.
  @usableFromInline var parent: Greenlet? {
    didSet { unsafe parentCore = parent?.core }
  }

  /// The parent's core: to look at it costs no reference count.
  @usableFromInline var parentCore: UnsafeMutablePointer<GreenletCore>?

  /// The stack, from the first switch to death; nil for a sliced one.
  @usableFromInline var head: UnsafeMutablePointer<StackHead>?

  /// Runs the body.
  ///
  /// A `Start` as its two words: from the moment it runs they own nothing, and stay for `startBits`.
  @usableFromInline var start: (UInt, UInt) = (0, 0)
  @usableFromInline var body: (UInt, UInt, UInt, UInt) = (0, 0, 0, 0)

  /// Where the greenlet was made, for a report of its overflow.
  @usableFromInline var site: CreationSite = .unknown

  /// Neighbours in the hub's list.
  @usableFromInline var next: UnsafeMutablePointer<GreenletCore>?
  @usableFromInline var previous: UnsafeMutablePointer<GreenletCore>?
  var id: UInt64 = 0

  /// A name, locals, and what only unusual greenlets need.
  var settings: GreenletSettings?

  /// Lends the stack; the thread's own pool when nil.
  var stacks: StackPool?

  /// The head of its open accesses, while it does not run.
  var accesses: UnsafeMutableRawPointer?

  /// What is kept of its frames outside of the stack: a frozen one's, or a slice's.
  var kept: UnsafeMutableRawPointer?

  /// A function in a structure: as itself it would be wrapped for generic memory.
  @frozen @usableFromInline struct Start {
    @usableFromInline let run: (GreenletCell, UInt) -> GreenletArrival
    @inlinable init(run: @escaping (GreenletCell, UInt) -> GreenletArrival) { self.run = run }
  }

  /// What a sanitizer, own control words or a runtime without the word of accesses need.
  @unsafe struct RareParts {
    var fiber = unsafe gb_fiber()
    var accesses = gb_access_state()
    var float: gb_float_environment?
  }

  init(phase: Phase) { self.phase = phase }

  /// Whether it has more than a body.
  var hasSettings: Bool { settings != nil || stacks != nil }

  var name: String {
    get { settings?.name ?? "greenlet" }
    set { settingsForWriting.name = newValue }
  }

  /// Whether it runs on the region that the sliced greenlets of its thread share.
  var isSliced: Bool { choice == .sliced }

  /// Whether a switch to it may have nothing to look at but the contexts.
  var canBeUsual: Bool { !isUnusual && !isSliced }

  var locals: LocalValues? { settings?.locals }
  var rare: UnsafeMutablePointer<RareParts>? { unsafe settings?.rare }

  /// The settings, made when there are none.
  var settingsForWriting: GreenletSettings {
    mutating get {
      if let settings { return settings }
      let made = GreenletSettings()
      settings = made
      return made
    }
  }
}

/// What few greenlets have: apart from the core, so that the others need no room for it.
@safe final class GreenletSettings {
  // It comes first: the report of an overflow looks for it right behind the object's header.
  /// The name once more, where a signal handler can read it: bytes that end with 0.
  // Invariant: nil, or memory of `OverflowReport.keep`.
  private var nameBytes: UnsafeMutablePointer<CChar>?
  var name: String? {
    didSet { unsafe OverflowReport.keep(name, in: &nameBytes) }
  }
  var locals: LocalValues?

  // Invariant: made by `makeRare`, freed by `destroyRare`.
  var rare: UnsafeMutablePointer<GreenletCore.RareParts>?

  deinit { unsafe OverflowReport.keep(nil, in: &nameBytes) }
}

/// Who was continued, and the word that came with it.
@frozen @usableFromInline struct GreenletArrival {
  @usableFromInline let cell: GreenletCell
  @usableFromInline let word: UInt

  @inlinable @inline(__always) init(cell: GreenletCell, word: UInt) {
    self.cell = cell
    self.word = word
  }
}

/// A pointer to a core.
@safe @frozen @usableFromInline struct GreenletCell: Equatable {
  // Invariant: points at a core that is not freed.
  @usableFromInline let core: UnsafeMutablePointer<GreenletCore>

  @inlinable @inline(__always) init(core: UnsafeMutablePointer<GreenletCore>) {
    unsafe self.core = core
  }

  @inlinable @inline(__always) static func == (left: GreenletCell, right: GreenletCell) -> Bool {
    unsafe left.core == right.core
  }

  @inlinable @inline(__always) var context: UnsafeMutablePointer<gb_context> {
    // SAFETY: the first field of a core.
    unsafe UnsafeMutableRawPointer(core).assumingMemoryBound(to: gb_context.self)
  }

  @inlinable @inline(__always) var parent: GreenletCell? {
    guard let parent = unsafe core.pointee.parentCore else { return nil }
    return unsafe GreenletCell(core: parent)
  }

  // MARK: - The body

  @inlinable @inline(__always) var startPlace: UnsafeMutableRawPointer {
    // SAFETY: the offset of the field in this frozen structure.
    unsafe UnsafeMutableRawPointer(core)
      + MemoryLayout<GreenletCore>.offset(of: \.start).unsafelyUnwrapped
  }

  @inlinable @inline(__always) var bodyPlace: UnsafeMutableRawPointer {
    // SAFETY: the offset of the field in this frozen structure.
    unsafe UnsafeMutableRawPointer(core)
      + MemoryLayout<GreenletCore>.offset(of: \.body).unsafelyUnwrapped
  }

  /// The function and the captures of what was kept, as bits.
  @inlinable @inline(__always) var startBits: (UInt, UInt) {
    unsafe startPlace.load(as: (UInt, UInt).self)
  }

  /// Keeps a body until it starts.
  @inlinable @inline(__always) func keep<Input, Output>(
    body: @escaping (Input) throws -> Output
  ) {
    unsafe bodyPlace.initializeMemory(
      as: GreenletClosure<Input, Output>.self, to: GreenletClosure(body))
    // SAFETY: the place is uninitialised while there is no body.
    unsafe startPlace.initializeMemory(
      as: GreenletCore.Start?.self,
      to: GreenletCore.Start { cell, word in
        cell.runAll(GreenletClosure<Input, Output>.self, word)
      })
    if startBits.1 != 0 { shareStart(of: GreenletClosure<Input, Output>.self) }
    unsafe core.pointee.hasBody = true
  }

  /// Lets go of a body that will not run.
  ///
  /// The captures go here, and what they are may switch.
  func dropBody() {
    guard unsafe core.pointee.hasBody else { return }
    unsafe core.pointee.hasBody = false
    let phase = unsafe core.pointee.phase
    unsafe core.pointee.phase = .dropping
    defer { unsafe core.pointee.phase = phase }
    _ = takeStart().run(self, 0)
  }

  /// What runs the body; whoever takes it owns it.
  @inline(__always) func takeStart() -> GreenletCore.Start {
    // SAFETY: `keep` initialised it, and the caller knows that there is a body.
    let start = unsafe startPlace.assumingMemoryBound(to: GreenletCore.Start?.self).move()
    guard let start else { preconditionFailure("a greenlet without a body") }
    return start
  }
}

/// A body, in a structure that fits the core: as a function it would be wrapped.
@frozen @usableFromInline struct GreenletClosure<Input, Output> {
  @usableFromInline let body: (Input) throws -> Output

  @inlinable @inline(__always) init(_ body: @escaping (Input) throws -> Output) {
    self.body = body
  }
}
