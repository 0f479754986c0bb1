// A greenlet: a context that any other greenlet of its thread can switch to.

/// A handle to a greenlet.
///
/// A greenlet has a stack of its own and runs only when it is switched to. Every thread has a main
/// greenlet, which is its ordinary stack; a new greenlet's parent is the one that made it.
///
///     let main = Greenlet.current
///     let echo = Greenlet { (first: Int) throws -> String in
///       let second: Int = try main.switch("got \(first)")
///       return "then \(second)"
///     }
///     let one: String = try echo.switch(1)    // "got 1"
///     let two: String = try echo.switch(2)    // "then 2": echo is dead, its parent gets the result
///
/// What `switch` returns is whatever anybody sends back here; there is no pairing of calls and
/// returns. A message may be any value; it moves without boxing. Its type must be the one that the
/// receiver takes, `Any` takes all, and a call whose result is not used discards what comes.
///
/// When a body returns, its value goes to the parent, or to the nearest ancestor that is not dead;
/// what it throws is thrown there, except a ``GreenletExit``, which is delivered as a value. Letting
/// go of the last handle of a suspended greenlet throws ``GreenletExit`` into it.
///
/// ## Threads
///
/// A greenlet runs on the thread of the main greenlet at the root of its parents, and stays there
/// from its first switch on. Handles are not `Sendable`. A handle that got to another thread all the
/// same may be let go of there, compared, and asked for its name; a switch or throw is refused.
///
/// ## Subclasses
///
/// A subclass may carry state, and a body in ``body``. A body that was given to `init` or to
/// ``setBody(_:)`` goes before that. When the last handle goes, the subclass's state goes first: what
/// still runs then sees a plain handle in ``current``.
@safe open class Greenlet {
  // Invariant: valid as long as this handle lives; see GreenletCore.
  @usableFromInline final let core: UnsafeMutablePointer<GreenletCore>

  /// Where a greenlet is in its life.
  public enum State: UInt8, Sendable {
    /// It has no stack yet; its first switch starts the body.
    case unstarted

    /// It is its thread's current one.
    case running

    /// It waits in the middle of its body, or of its thread's for a main greenlet.
    case suspended

    /// Its body is over, or was let go of unrun.
    case dead

    /// Its thread has ended before it did, or it refused to end.
    case orphaned
  }

  /// Makes a greenlet that has not started.
  ///
  /// Nothing of it runs, and no stack is taken yet. Greenlets that other threads let go of are ended
  /// here.
  ///
  /// - Parameters:
  ///   - name: For messages; need not be unique.
  ///   - parent: Gets the result; the current greenlet when nil. One of another thread makes this
  ///     greenlet run there.
  ///   - stacks: Where its frames live; the thread's choice when nil.
  ///   - locals: What it gets of the current greenlet's ``GreenletLocal`` values.
  ///   - floatEnvironment: Whether it has floating-point control words of its own.
  ///   - file: Where it is made, for ``OverflowReport``.
  ///   - line: The line there.
  ///   - body: Called at the first switch, with the message.
  /// - Complexity: O(1); the handle is the one allocation.
  @inlinable public init<Input, Output>(
    _ name: String? = nil, parent: Greenlet? = nil, stacks: StackStrategy? = nil,
    locals: GreenletLocals.Inheritance = .empty, floatEnvironment: FloatEnvironment = .shared,
    file: StaticString = #fileID, line: UInt = #line, _ body: @escaping (Input) throws -> Output
  ) {
    let cell = GreenletCell.make(
      name: name, parent: parent, site: CreationSite(file: file, line: line))
    unsafe core = cell.core
    unsafe cell.core.pointee.handle = Unmanaged.passUnretained(self).toOpaque()
    cell.keep(body: body)
    if stacks != nil || locals != .empty || floatEnvironment != .shared {
      cell.configure(stacks, locals, floatEnvironment)
    }
  }

  /// Makes a greenlet whose body takes no message.
  ///
  /// The message of its first switch is `Void`.
  ///
  /// - Parameters:
  ///   - name: For messages; need not be unique.
  ///   - parent: Gets the result; the current greenlet when nil.
  ///   - stacks: Where its frames live; the thread's choice when nil.
  ///   - locals: What it gets of the current greenlet's ``GreenletLocal`` values.
  ///   - floatEnvironment: Whether it has floating-point control words of its own.
  ///   - file: Where it is made, for ``OverflowReport``.
  ///   - line: The line there.
  ///   - body: Called at the first switch.
  /// - Complexity: O(1); the handle is the one allocation.
  @inlinable public convenience init<Output>(
    _ name: String? = nil, parent: Greenlet? = nil, stacks: StackStrategy? = nil,
    locals: GreenletLocals.Inheritance = .empty, floatEnvironment: FloatEnvironment = .shared,
    file: StaticString = #fileID, line: UInt = #line, _ body: @escaping () throws -> Output
  ) {
    self.init(
      name, parent: parent, stacks: stacks, locals: locals, floatEnvironment: floatEnvironment,
      file: file, line: line
    ) { (_: Void) in try body() }
  }

  /// Makes a greenlet without a body: ``setBody(_:)`` or a subclass's ``body`` brings it.
  ///
  /// Switched to without one, it refuses: ``GreenletError/noBody(greenlet:)``.
  ///
  /// - Parameters:
  ///   - name: For messages; need not be unique.
  ///   - parent: Gets the result; the current greenlet when nil.
  ///   - stacks: Where its frames live; the thread's choice when nil.
  ///   - locals: What it gets of the current greenlet's ``GreenletLocal`` values.
  ///   - floatEnvironment: Whether it has floating-point control words of its own.
  ///   - file: Where it is made, for ``OverflowReport``.
  ///   - line: The line there.
  /// - Complexity: O(1); the handle is the one allocation.
  public init(
    _ name: String? = nil, parent: Greenlet? = nil, stacks: StackStrategy? = nil,
    locals: GreenletLocals.Inheritance = .empty, floatEnvironment: FloatEnvironment = .shared,
    file: StaticString = #fileID, line: UInt = #line
  ) {
    let cell = GreenletCell.make(
      name: name, parent: parent, site: CreationSite(file: file, line: line))
    unsafe core = cell.core
    unsafe cell.core.pointee.handle = Unmanaged.passUnretained(self).toOpaque()
    cell.configure(stacks, locals, floatEnvironment)
  }

  /// A new handle of a core: a main greenlet, or one whose handle was let go.
  init(adopting cell: GreenletCell) {
    unsafe core = cell.core
    unsafe cell.core.pointee.handle = Unmanaged.passUnretained(self).toOpaque()
  }

  /// What to run when the greenlet was given no body: asked at its first switch.
  ///
  /// It may switch, reparent, even start this greenlet; then the switch goes on with what is. It is
  /// called on the stack of whoever switches, and again at the next switch if it was nil.
  open var body: GreenletBody? { nil }

  deinit {
    let cell = unsafe GreenletCell(core: core)
    if !cell.freeUsually() {
      unsafe cell.handleGone(Unmanaged.passUnretained(self).toOpaque())
    }
  }
}

extension Greenlet {
  /// The greenlet that runs on this thread.
  ///
  /// Greenlets that other threads let go of are ended here: they run meanwhile, and the caller waits.
  ///
  /// - Complexity: O(1), and what ends. A handle is allocated if there is none.
  public static var current: Greenlet {
    let hub = unsafe GreenletHub.ofThisThread()
    unsafe GreenletHub.checkpoint(hub)
    return unsafe hub.pointee.currentHandle()
  }

  /// The greenlet that is this thread's ordinary stack.
  ///
  /// Its first use in a thread sets the thread up.
  ///
  /// - Complexity: O(1).
  public static var main: Greenlet {
    guard let main = unsafe GreenletHub.ofThisThread().pointee.mainHandle else {
      preconditionFailure("a thread without its main greenlet")
    }
    return main
  }

  /// Ends greenlets that other threads let go of, as any switch does.
  ///
  /// They run meanwhile, and the caller waits. For threads that do nothing else with greenlets.
  ///
  /// - Complexity: O(1) when there are none.
  public static func drain() { unsafe GreenletHub.checkpoint(GreenletHub.ofThisThread()) }

  final var cell: GreenletCell { unsafe GreenletCell(core: core) }

  /// A number that no other greenlet of the process has or had.
  public final var id: UInt64 { unsafe core.pointee.id }

  /// For messages; need not be unique.
  public final var name: String {
    get { unsafe core.pointee.name }
    set { unsafe core.pointee.name = newValue }
  }

  /// Where the greenlet is in its life.
  ///
  /// - Complexity: O(1); O(ancestors that did not start) for an unstarted one.
  public final var state: State {
    switch unsafe core.pointee.phase {
    case .unstarted: unsafe cell.home == nil ? .orphaned : .unstarted
    case .dead, .dropping, .free: unsafe core.pointee.isMain ? .orphaned : .dead
    case .quarantined: .orphaned
    case .active:
      if let hub = unsafe core.pointee.hub {
        unsafe hub.pointee.current == core ? .running : .suspended
      } else {
        .orphaned
      }
    }
  }

  /// Whether it will never run again.
  ///
  /// - Complexity: As ``state-swift.property``.
  public final var isDead: Bool { state == .dead || state == .orphaned }

  /// Whether it has started and is not dead.
  ///
  /// - Complexity: O(1), or that of ``state-swift.property`` for an unstarted one.
  public final var isActive: Bool { state == .running || state == .suspended }

  /// Who gets the result.
  ///
  /// Nil for main alone. A dead greenlet keeps its parent.
  public final var parent: Greenlet? { unsafe core.pointee.parent }

  /// Chooses another parent; it takes effect when the greenlet dies.
  ///
  /// An unstarted greenlet may be given a parent of another thread, and runs there. If nobody else
  /// holds the old parent, that one is ended before this returns.
  ///
  /// - Parameter parent: May be dead: it is passed over.
  /// - Throws: ``GreenletError/cyclicParent(greenlet:parent:)``,
  ///   ``GreenletError/mainHasNoParent``, ``GreenletError/parentOnOtherThread(greenlet:parent:)``
  ///   for one that has started, or ``GreenletError/parentOrphaned(greenlet:parent:)``.
  /// - Complexity: O(ancestors of the new parent).
  public final func reparent(to parent: Greenlet) throws(GreenletError) {
    guard unsafe !core.pointee.isMain else { throw .mainHasNoParent }
    guard !cell.isAncestor(of: parent.cell) else {
      throw .cyclicParent(greenlet: name, parent: parent.name)
    }
    guard let home = unsafe parent.cell.home else {
      throw .parentOrphaned(greenlet: name, parent: parent.name)
    }
    if let hub = unsafe core.pointee.hub, unsafe core.pointee.phase == .active, unsafe hub != home {
      throw .parentOnOtherThread(greenlet: name, parent: parent.name)
    }
    let old = unsafe core.pointee.parent
    unsafe core.pointee.parent = parent
    GreenletHub.countReparent()
    // The old one goes now that the new one is in place: that may end it.
    withExtendedLifetime(old) {}
  }

  /// Gives an unstarted greenlet another body.
  ///
  /// The captures of the old one go before this returns; what they are may switch.
  ///
  /// - Throws: ``GreenletError/alreadyStarted(greenlet:)`` or ``GreenletError/mainHasNoBody``.
  public final func setBody<Input, Output>(
    _ body: @escaping (Input) throws -> Output
  ) throws(GreenletError) {
    try removeBody()
    cell.keep(body: body)
  }

  /// Takes an unstarted greenlet's body away: it cannot start until it gets another one.
  ///
  /// The captures go before this returns; what they are may switch.
  ///
  /// - Throws: ``GreenletError/alreadyStarted(greenlet:)`` or ``GreenletError/mainHasNoBody``.
  public final func removeBody() throws(GreenletError) {
    guard unsafe !core.pointee.isMain else { throw .mainHasNoBody }
    guard unsafe core.pointee.phase == .unstarted else { throw .alreadyStarted(greenlet: name) }
    cell.dropBody()
  }

  /// Ends this greenlet: throws ``GreenletExit`` into it until it is dead.
  ///
  /// The caller gets control back, whoever the parent is: it is the parent for so long. What the
  /// greenlet's cleanup switches to runs meanwhile. An unstarted greenlet dies unrun; a dead one stays
  /// as it is. Killing the current greenlet throws the exit right here. Killing main throws it into
  /// main, as ``throw(_:)->()`` does.
  ///
  /// - Parameter tries: How often a body that swallows the exit and switches away is asked again.
  /// - Throws: What the greenlet died of, unless that is the exit;
  ///   ``GreenletError/exitSwallowed(greenlet:)`` when it would not die: it can be used and killed
  ///   again; ``GreenletError/wrongThread(greenlet:current:)`` or
  ///   ``GreenletError/threadEnded(greenlet:current:)``.
  /// - Precondition: `tries > 0`.
  public final func kill(tries: Int = EngineCounters.exitTriesMax) throws {
    precondition(tries > 0, "a kill without a try")
    let hub = unsafe GreenletHub.ofThisThread()
    unsafe GreenletHub.checkpoint(hub)
    switch unsafe core.pointee.phase {
    case .dead, .dropping, .free: return
    case .quarantined: throw GreenletError.exitSwallowed(greenlet: name)
    case .unstarted:
      try unsafe cell.checkThread(hub)
      unsafe core.pointee.phase = .dead
      unsafe hub.pointee.counts.note(.dropped)
      cell.dropBody()
    case .active:
      try unsafe cell.checkThread(hub)
      if unsafe hub.pointee.current == core { throw GreenletExit() }
      if unsafe core.pointee.isMain {
        return try `throw`(GreenletExit())
      }
      try unsafe GreenletHub.end(cell, on: hub, tries: tries, whileUnheld: false)
    }
  }
}

extension Greenlet: Hashable {
  /// Whether both are the same handle: a greenlet has one at most.
  public static func == (left: Greenlet, right: Greenlet) -> Bool { left === right }
  /// Hashes the identity.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

extension Greenlet: CustomStringConvertible {
  /// `Greenlet "name" (number 7, suspended)`.
  public var description: String {
    let kind = unsafe core.pointee.isMain ? ", main" : ""
    return "\(type(of: self)) \"\(name)\" (number \(id), \(state)\(kind))"
  }
}

/// A body that says nothing of its types: what a subclass's ``Greenlet/body`` returns.
public struct GreenletBody {
  let keep: (GreenletCell) -> Void

  /// Wraps a body.
  ///
  /// - Parameter body: Called at the first switch, with the message.
  public init<Input, Output>(_ body: @escaping (Input) throws -> Output) {
    keep = { $0.keep(body: body) }
  }

  /// Wraps a body that takes no message.
  public init<Output>(_ body: @escaping () throws -> Output) {
    self.init { (_: Void) in try body() }
  }
}
