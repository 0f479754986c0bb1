// The engine's universal greenlet: one that any other greenlet can switch to, used to and fro.

public import Greenlets
public import Stacks
public import WorkloadKit

/// `Greenlet` of Greenlets: resumed and suspended by a switch each way.
///
/// The greenlet that makes it is the one to resume it: suspending switches back to its parent. The
/// stack is taken at the first resume, which throws when there is none.
public struct GreenletBackend: SwitchBackend, ~Copyable {
  @usableFromInline let greenlet: Greenlet

  public static var name: String { "greenlet" }
  public static var summary: String {
    "greenbench's universal greenlets: each may switch to any other one"
  }
  public static var switchesInKernel: Bool { false }

  @inlinable @inline(__always) public init(on stacks: StackPool, body: some ContextBody) throws {
    // One reference and the body are all that the closure captures: it stays as long as the body
    // runs, and a million of them are counted in bytes.
    let resumer = Greenlet.current
    greenlet = Greenlet(parent: resumer, stacks: .pool(stacks)) { (word: Int) throws -> Int in
      try body.run(GreenletSuspender(resumer: resumer), word)
    }
  }

  @inlinable @inline(__always) public borrowing func resume(_ word: Int) throws -> Int {
    assert(greenlet.isDead || greenlet.parent == Greenlet.current, "resumed by another greenlet")
    return try greenlet.switch(word)
  }

  @inlinable public var isFinished: Bool { greenlet.isDead }
}

/// Switches back to the resumer.
@frozen public struct GreenletSuspender: WordSuspender {
  @usableFromInline let resumer: Greenlet

  @inlinable init(resumer: Greenlet) { self.resumer = resumer }

  @inlinable @inline(__always) public func suspend(_ word: Int) throws -> Int {
    try resumer.switch(word)
  }
}
