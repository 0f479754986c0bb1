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

  @inlinable public init(
    on stacks: StackPool, body: @escaping (Greenlets.Suspender<Int, Int>, Int) throws -> Int
  ) throws {
    coroutine = try Coroutine(on: stacks, body: body)
  }

  @inlinable @inline(__always) public borrowing func resume(_ word: Int) throws -> Int {
    try coroutine.resume(word).value
  }

  @inlinable public var isFinished: Bool { coroutine.isFinished }
}

extension Greenlets.Suspender: WordSuspender where Input == Int, Output == Int {}
