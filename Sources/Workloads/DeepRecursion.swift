// Deep recursion: a coroutine that suspends itself only at the bottom of its recursion.

public import Reports
public import Stacks
public import WorkloadKit

/// Goes down to a depth, suspends itself there, comes up with the sum of the levels, and again.
///
/// Each level has a canary of its own, looked at on the way up.
@usableFromInline struct Diver: ContextBody {
  /// Which coroutine it is, and how deep it goes.
  @usableFromInline let number: Int
  @usableFromInline let depth: Int

  /// Whether it replies with the bytes of its recursion in place of the sum.
  @usableFromInline let isMeasuring: Bool

  @inlinable init(number: Int, depth: Int, isMeasuring: Bool = false) {
    self.number = number
    self.depth = depth
    self.isMeasuring = isMeasuring
  }

  @inlinable @inline(never) func run(
    _ suspender: some WordSuspender, _ word: Int
  ) throws -> Int {
    var sum = 0
    let top = isMeasuring ? FrameAddress.here() : 0
    while true { sum = try dive(suspender, 1, isMeasuring ? top : sum) }
  }

  @inlinable @inline(never) func dive(
    _ suspender: some WordSuspender, _ level: Int, _ last: Int
  ) throws -> Int {
    var canary = Canary.blank
    Canary.arm(&canary, number)
    var below = 0
    if level < depth {
      below = try dive(suspender, level + 1, last)
    } else {
      _ = try suspender.suspend(isMeasuring ? last - FrameAddress.here() : last)
    }
    try Canary.check(&canary, number)
    return below &+ level
  }

  /// The sum that a dive comes up with.
  @inlinable static func sum(_ depth: Int) -> Int { depth * (depth + 1) / 2 }

  /// Sees to it that the stacks have room for a depth.
  ///
  /// Two shallow dives tell what a level takes: that depends on backend, compiler and machine.
  ///
  /// - Throws: ``StackTooSmall``, or what the backend throws.
  @inlinable @inline(__always) static func refuse<Backend: SwitchBackend & ~Copyable>(
    _ depth: Int, named name: String, on stacks: StackPool, _: Backend.Type
  ) throws {
    // Stacks of their own: how deep the workload's were used is the workload's alone.
    let pool = StackPool(stackSize: stacks.stackSize)
    let shallow = try Backend(on: pool, body: Diver(number: 0, depth: 1, isMeasuring: true))
    let deeper = try Backend(on: pool, body: Diver(number: 0, depth: 9, isMeasuring: true))
    let (least, more) = (try shallow.resume(0), try deeper.resume(0))
    try refuse(depth, named: name, on: stacks, least: least, level: max(1, (more - least) / 8))
  }

  @usableFromInline static func refuse(
    _ depth: Int, named name: String, on stacks: StackPool, least: Int, level: Int
  ) throws {
    // Below the deepest level there are the frames of the backend and of a trap.
    let (reserve, available) = (4096, stacks.stackSize.bytes)
    let needed = reserve + least + level * depth
    guard needed > available else { return }
    throw StackTooSmall(
      what: "\(name)=\(depth)", needed: needed, available: available,
      mend: "go no deeper than \(max(1, (available - reserve - least) / level)), or choose "
        + "larger stacks")
  }
}

/// Resumes one coroutine that comes up from its depth, starts again, and suspends itself down there.
///
/// Measures a recursion with its canaries and the two switches in the middle of it.
public struct DeepRecursion<Backend: SwitchBackend & ~Copyable>: Workload {
  @usableFromInline let diver: Member<Backend>
  @usableFromInline var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "deep-recursion", summary: "one coroutine that yields at the bottom of a recursion",
      operation: "recursion with a yield",
      parameters: [
        ParameterDescription(
          name: "depth", summary: "levels of the recursion", standard: 100, least: 1,
          most: 1_000_000)
      ],
      population: Population())
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "the sum of the levels of every unit, in order" }

  @inlinable @inline(__always) public init(parameters: Parameters, stacks: StackPool) throws {
    let depth = parameters["depth"] ?? 100
    try Diver.refuse(depth, named: "depth", on: stacks, Backend.self)
    diver = try Member(on: stacks, body: Diver(number: 0, depth: depth))
    _ = try diver.resume(0)
  }

  public var operationsPerUnit: Int { 1 }

  @inlinable public mutating func run(units: Int) throws {
    for _ in 0..<units { advance(by: try diver.resume(0)) }
  }

  @usableFromInline mutating func advance(by word: Int) { sum = mixed(sum, word) }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 {
    let depth = parameters["depth"] ?? 100
    return (0..<units).reduce(checksumSeed) { sum, _ in mixed(sum, Diver.sum(depth)) }
  }
}
