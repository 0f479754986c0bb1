// Registers: every switch must keep them bit for bit, and the control words of who asked for it.

import Backends
import CRegisters
import Foundation
import StressKit

/// Random patterns in registers and control words, around switches of every kind.
struct Registers: StressClass {
  let about = StressClassAbout(
    name: "registers",
    injection: "random patterns in callee-saved registers, live values, MXCSR and x87, or FPCR",
    expectation:
      "bit for bit what they were, after every switch; stacks aligned, no direction flag",
    goal: "10^7 switches a change, 10^9 a night",
    unit: "switches",
    trials: TrialCounts(pr: 3 * Way.all.count, nightly: 172 * Way.all.count))

  /// A way to switch.
  enum Way {
    /// One of the bare switch, from C: with live values in all other registers, too.
    case bare(Int32)

    /// One of a backend.
    case walk(RegisterWalk)

    static var walks: [RegisterWalk] {
      [
        RegisterWalk(NativeBackend.self), RegisterWalk(OwnFloatCoroutine.self, owns: true),
        RegisterWalk(GreenletBackend.self), RegisterWalk(OwnFloatGreenlet.self, owns: true),
        RegisterWalk(SlicedBackend.self, cost: 2),
        RegisterWalk(UContextBackend.self, owns: true, cost: 4),
        RegisterWalk(FrozenBackend.self, cost: 20),
      ]
    }

    static let all: [Way] = (0..<Int32(gb_ways)).map { .bare($0) } + walks.map { .walk($0) }
  }

  /// Switches of a trial of the cheapest kind.
  static let switches = 600_000

  func run(_ trial: Trial) throws {
    let seed = trial.generator.next()
    switch Way.all[trial.index % Way.all.count] {
    case .bare(let way): trial.count(try Self.walk(way, Self.switches, seed))
    case .walk(let walk): trial.count(try walk.run(switches: Self.switches / walk.cost, seed: seed))
    }
  }

  /// Walks with the bare switch.
  static func walk(_ way: Int32, _ switches: Int, _ seed: UInt64) throws -> Int {
    let walked = unsafe gb_walk(way, UInt64(switches), seed) { what in
      guard let what = unsafe what else { return }
      FileHandle.standardError.write(Data((unsafe String(cString: what) + "\n").utf8))
    }
    guard walked.mismatches == 0 else {
      throw Finding("\(unsafe String(cString: gb_way_name(way))): \(walked.mismatches) mismatches")
    }
    return Int(walked.checked)
  }
}
