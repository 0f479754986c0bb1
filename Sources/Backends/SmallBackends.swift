// Greenlets that take few bytes while they are suspended: on slices of one stack, or frozen.

public import Greenlets
public import Stacks
public import WorkloadKit

/// `Greenlet` on the stack that all sliced greenlets of the thread share.
///
/// As ``GreenletBackend`` otherwise. The pool is not used.
public struct SlicedBackend: SwitchBackend, ~Copyable {
  @usableFromInline let greenlet: Greenlet

  public static var name: String { "sliced" }
  public static var summary: String {
    "universal greenlets on slices: one stack for all, frames copied out of the way"
  }
  public static var switchesInKernel: Bool { false }

  @inlinable @inline(__always) public init(on stacks: StackPool, body: some ContextBody) throws {
    let resumer = Greenlet.current
    greenlet = Greenlet(parent: resumer, stacks: .sliced) { (word: Int) throws -> Int in
      try body.run(GreenletSuspender(resumer: resumer), word)
    }
  }

  @inlinable @inline(__always) public borrowing func resume(_ word: Int) throws -> Int {
    try greenlet.switch(word)
  }

  @inlinable public var isFinished: Bool { greenlet.isDead }
}

/// `Greenlet` on a stack of its own that is frozen as soon as it is suspended.
///
/// As ``GreenletBackend`` otherwise. Freezing at every suspension is what idle greenlets pay once, and
/// busy ones never should: it shows the cost.
public struct FrozenBackend: SwitchBackend, ~Copyable {
  @usableFromInline let greenlet: Greenlet

  public static var name: String { "frozen" }
  public static var summary: String {
    "universal greenlets whose stacks are frozen at every suspension, and thaw at every resume"
  }
  public static var switchesInKernel: Bool { false }

  @inlinable @inline(__always) public init(on stacks: StackPool, body: some ContextBody) throws {
    let resumer = Greenlet.current
    greenlet = Greenlet(parent: resumer, stacks: .pool(stacks)) { (word: Int) throws -> Int in
      try body.run(GreenletSuspender(resumer: resumer), word)
    }
  }

  @inlinable @inline(__always) public borrowing func resume(_ word: Int) throws -> Int {
    let reply: Int = try greenlet.switch(word)
    try greenlet.freeze()
    return reply
  }

  @inlinable public var isFinished: Bool { greenlet.isDead }
}
