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
    goal: "10^7 switches a change, 10^9 a night, on each backend; fewer on slow ones",
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
  private static func switches(_ profile: StressProfile) -> Int {
    profile == .pr ? 3_400_000 : 6_000_000
  }

  /// How many times fewer switches a way makes.
  ///
  /// A night has time for slower backends, but for frozen stacks; the bare ones are one backend.
  private static func share(_ way: Way, _ profile: StressProfile) -> Int {
    switch way {
    case .bare: profile == .pr ? 1 : Int(gb_ways)
    case .walk(let walk): profile == .pr || walk.cost > 4 ? walk.cost : 1
    }
  }

  func run(_ trial: Trial) throws {
    let seed = trial.generator.next()
    let way = Way.all[trial.index % Way.all.count]
    let switches = Self.switches(trial.profile) / Self.share(way, trial.profile)
    switch way {
    case .bare(let number): trial.count(try Self.walk(number, switches, seed))
    case .walk(let walk): trial.count(try walk.run(switches: switches, seed: seed))
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
