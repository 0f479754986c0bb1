// A greenlet: a context that any other greenlet of its thread can switch to.

public import Stacks

/// A handle to a greenlet.
///
/// A greenlet has a stack of its own and runs only when it is switched to. Every thread has a main
/// greenlet, which is its ordinary stack; a new greenlet's parent is the one that made it.
///
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
@safe public final class Greenlet {
  // Invariant: valid as long as this handle lives; see GreenletCore.
  @usableFromInline let core: UnsafeMutablePointer<GreenletCore>

  /// Where a greenlet is in its life.
  @frozen public enum State: UInt8, Sendable { case unstarted, running, suspended, dead }

  /// Makes a greenlet that has not started.
  ///
  /// Nothing runs, and no stack is taken yet.
  ///
  /// - Parameters:
  ///   - name: For messages; need not be unique.
  ///   - parent: Gets the result; the current greenlet when nil. Of the same thread.
  ///   - stacks: Lends the stack at the first switch; the thread's own pool when nil.
  ///   - body: Called at the first switch, with the message.
  public init<Input, Output>(
    _ name: String = "greenlet", parent: Greenlet? = nil, stacks: StackPool? = nil,
    _ body: @escaping (Input) throws -> Output
  ) {
    let hub = unsafe GreenletHub.ofThisThread()
    unsafe precondition(
      parent == nil || parent?.core.pointee.hub == hub, "the parent belongs to another thread")
    unsafe core = .allocate(capacity: 1)
    unsafe core.initialize(to: GreenletCore(state: .unstarted, hub: hub, name: name))
    unsafe core.pointee.handle = self
    unsafe core.pointee.parent = parent ?? Greenlet.current
    unsafe core.pointee.stacks = stacks
    unsafe core.pointee.start = {
      do {
        let input: Input = try unsafe hub.pointee.receive()
        unsafe hub.pointee.leave(result: try body(input))
      } catch let exit as GreenletExit {
        unsafe hub.pointee.leave(result: exit)
      } catch {
        unsafe hub.pointee.failure = error
      }
    }
  }

  /// Makes a greenlet whose body takes no message.
  public convenience init<Output>(
    _ name: String = "greenlet", parent: Greenlet? = nil, stacks: StackPool? = nil,
    _ body: @escaping () throws -> Output
  ) {
    self.init(name, parent: parent, stacks: stacks) { (_: Void) in try body() }
  }

  /// A new handle of a core: the thread's main greenlet, or one whose handle was let go.
  init(core: UnsafeMutablePointer<GreenletCore>) {
    unsafe self.core = core
    unsafe core.pointee.handle = self
  }

  /// The greenlet that runs on this thread.
  public static var current: Greenlet {
    let core = unsafe GreenletHub.ofThisThread().pointee.current
    return unsafe core.pointee.handle ?? Greenlet(core: core)
  }

  /// The greenlet that is this thread's ordinary stack.
  public static var main: Greenlet {
    guard let main = unsafe GreenletHub.ofThisThread().pointee.main else {
      preconditionFailure("a thread without its main greenlet")
    }
    return main
  }

  public var name: String { unsafe core.pointee.name }
  public var state: State { unsafe core.pointee.state }

  /// Who gets the result.
  ///
  /// Nil for main alone.
  public var parent: Greenlet? { unsafe core.pointee.parent }

  /// Chooses another parent; it takes effect when the greenlet dies.
  ///
  /// - Throws: ``GreenletError/cyclicParent(greenlet:parent:)``,
  ///   ``GreenletError/mainHasNoParent`` or ``GreenletError/wrongThread(greenlet:current:)``.
  /// - Complexity: O(ancestors of the new parent).
  public func reparent(to parent: Greenlet) throws(GreenletError) {
    guard unsafe core.pointee.parent != nil else { throw .mainHasNoParent }
    guard unsafe parent.core.pointee.hub == core.pointee.hub else {
      throw .wrongThread(greenlet: parent.name, current: name)
    }
    var ancestor: Greenlet? = parent
    while let one = ancestor {
      if one === self { throw .cyclicParent(greenlet: name, parent: parent.name) }
      ancestor = one.parent
    }
    unsafe core.pointee.parent = parent
  }

  deinit {
    unsafe GreenletHub.handleGone(core)
  }
}

extension Greenlet {
  /// Continues this greenlet with a message, until somebody switches back here.
  ///
  /// A dead greenlet stands for its nearest living ancestor.
  ///
  /// - Returns: What was sent back.
  /// - Throws: What was thrown into the caller; ``GreenletError`` for a refusal or a mismatch.
  @inlinable @inline(__always) public func `switch`<Message, Reply>(
    _ message: __owned Message
  ) throws -> Reply {
    let hub = unsafe GreenletHub.ofThisThread()
    let target = try unsafe GreenletHub.target(core, from: hub)
    return try unsafe withUnsafeTemporaryAllocation(of: Message.self, capacity: 1) { place in
      unsafe place.initializeElement(at: 0, to: message)
      unsafe hub.pointee.message = UnsafeMutableRawPointer(place.baseAddress)
      unsafe hub.pointee.messageType = Message.self
      unsafe GreenletHub.transfer(hub, to: target)
      return try unsafe hub.pointee.receive()
    }
  }

  /// Continues this greenlet without a message.
  @inlinable public func `switch`<Reply>() throws -> Reply { try `switch`(()) }

  /// Continues this greenlet with a message, and discards what is sent back.
  @inlinable public func `switch`<Message>(_ message: __owned Message) throws {
    let _: Discarded = try `switch`(message)
  }

  /// Continues this greenlet without a message, and discards what is sent back.
  @inlinable public func `switch`() throws {
    let _: Discarded = try `switch`(())
  }

  /// Continues this greenlet by throwing an error from its pending switch.
  ///
  /// An unstarted greenlet dies without running, and the error goes to its parent.
  ///
  /// - Returns: What was sent back.
  /// - Throws: As `switch` does.
  public func `throw`<Reply>(_ error: any Error = GreenletExit()) throws -> Reply {
    let hub = unsafe GreenletHub.ofThisThread()
    guard unsafe core.pointee.hub == hub else { throw unsafe wrongThread(hub) }
    let target = unsafe GreenletHub.deliver(error, to: core, on: hub)
    unsafe GreenletHub.transfer(hub, to: target)
    return try unsafe hub.pointee.receive()
  }

  /// Throws an error into this greenlet, and discards what is sent back.
  public func `throw`(_ error: any Error = GreenletExit()) throws {
    let _: Discarded = try `throw`(error)
  }

  func wrongThread(_ hub: UnsafeMutablePointer<GreenletHub>) -> GreenletError {
    .wrongThread(greenlet: name, current: unsafe hub.pointee.current.pointee.name)
  }
}

/// The reply type of a switch whose result is not used: takes anything, keeps nothing.
@frozen @usableFromInline struct Discarded {
  @inlinable init() {}
}
