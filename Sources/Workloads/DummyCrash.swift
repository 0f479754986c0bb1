// A self-test: a workload that crashes some calls deep, so that what becomes of it can be tested.

import Foundation
public import Reports
public import Stacks
public import WorkloadKit

/// Calls itself a few times, and crashes in the last call.
private struct Crasher: ContextBody {
  let kind: Int

  func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int { Self.descend(word, kind) }

  @inline(never) private static func descend(_ depth: Int, _ kind: Int) -> Int {
    depth > 0 ? (descend(depth - 1, kind) ^ depth) &* 31 : crash(kind) ^ depth
  }

  @inline(never) private static func crash(_ kind: Int) -> Int {
    switch kind {
    case 0:
      // SAFETY: none: the fault is what is wanted.
      unsafe UnsafeMutablePointer<Int>(bitPattern: 8)?.pointee = 1
      return 1
    case 1: preconditionFailure("crashed on purpose")
    default: abort()
    }
  }
}

/// Crashes in its first unit of work; not in any list.
public struct DummyCrash<Backend: SwitchBackend & ~Copyable>: Workload {
  private let stacks: StackPool
  private let kind: Int
  private var sum = checksumSeed

  public static var description: WorkloadDescription {
    WorkloadDescription(
      name: "dummy-crash", summary: "crashes, for greenbench's own tests",
      operation: "coroutine made and crashed",
      parameters: [
        ParameterDescription(
          name: "kind", summary: "a wrong pointer (0), a trap (1), or abort (2)", standard: 0,
          least: 0, most: 2)
      ], isHidden: true)
  }

  public var checksum: UInt64 { sum }

  public static var checksumMeaning: String { "nothing: it does not come so far" }

  public init(parameters: Parameters, stacks: StackPool) throws {
    self.stacks = stacks
    kind = parameters["kind"] ?? 0
  }

  public var operationsPerUnit: Int { 1 }

  public mutating func run(units: Int) throws {
    for _ in 0..<units {
      sum = mixed(sum, try Backend(on: stacks, body: Crasher(kind: kind)).resume(5))
    }
  }

  public static func oracle(parameters: Parameters, units: Int) -> UInt64 { checksumSeed }
}
