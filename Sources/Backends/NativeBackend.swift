// The engine's own coroutine: the backend to use.

public import Greenlets
public import Stacks
public import WorkloadKit

/// `Coroutine<Int, Int>` of Greenlets, on a dedicated stack.
public struct NativeBackend: SwitchBackend, ~Copyable {
  @usableFromInline let coroutine: Coroutine<Int, Int>

  public static var name: String { "native" }
  public static var summary: String {
    "greenbench's own engine: an inlined switch that leaves by a jump"
  }
  public static var switchesInKernel: Bool { false }

  @inlinable @inline(__always) public init(on stacks: StackPool, body: some ContextBody) throws {
    coroutine = try Coroutine(on: stacks) { suspender, word in
      try body.run(NativeSuspender(engine: suspender), word)
    }
  }

  @inlinable @inline(__always) public borrowing func resume(_ word: Int) throws -> Int {
    try coroutine.resume(word).value
  }

  @inlinable public var isFinished: Bool { coroutine.isFinished }
}

/// The engine's suspender; a type of its own, since the engine's conformance would not be inlined.
@frozen public struct NativeSuspender: WordSuspender {
  @usableFromInline let engine: Greenlets.Suspender<Int, Int>

  @inlinable init(engine: Greenlets.Suspender<Int, Int>) { self.engine = engine }

  @inlinable public func suspend(_ word: Int) throws -> Int {
    try engine.suspend(word)
  }
}
