// Bars of the engine: switches in relation to the bare loops in C, measured in turn in one process.

import Backends
import CContexts
import CLimits
import Stacks
import WorkloadKit
import Workloads

/// Area `core`: the switch.
enum EngineBars {
  static func run() throws -> [Bar] {
    let pool = StackPool(stackSize: .kibibytes(64))
    var native = try PingPong<NativeBackend>(parameters: ["rounds": 1000], stacks: pool)
    var ucontext = try PingPong<UContextBackend>(parameters: ["rounds": 1000], stacks: pool)

    var (toPaired, toUContext): ([Double], [Double]) = ([], [])
    for _ in 0..<15 {
      let paired = nanoseconds(per: 2_000_000) { _ = gb_limit_paired(1_000_000) }
      let ours = try nanoseconds(per: 2_000_000) { try native.run(units: 1000) }
      let theirs = try nanoseconds(per: 20_000) { try ucontext.run(units: 10) }
      toPaired.append(ours / paired)
      toUContext.append(theirs / ours)
    }
    return [
      Bar("native ping-pong / bare switch", toPaired, atMost: 2, unit: "x"),
      Bar("ucontext ping-pong / native ping-pong", toUContext, atLeast: 80, unit: "x"),
    ]
  }

  /// The best of five short runs, so that what was preempted does not count.
  static func nanoseconds(per operations: Int, _ run: () throws -> Void) rethrows -> Double {
    var best = Int64.max
    for _ in 0..<5 {
      let start = gb_monotonic_ns()
      try run()
      best = min(best, gb_monotonic_ns() - start)
    }
    return Double(best) / Double(operations)
  }
}
