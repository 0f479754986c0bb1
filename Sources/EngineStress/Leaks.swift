// Leaks: greenlets that are abandoned, killed, cancelled or thrown into must leave nothing behind.

import Foundation
import Greenlets
import Stacks
import StressKit
import Synchronization

/// Ends greenlets in every way that does not let them finish by themselves.
struct Leaks: StressClass {
  let about = StressClassAbout(
    name: "leaks",
    injection: "greenlets abandoned, killed, thrown into and raising, at any depth",
    expectation: "no greenlet, no stack, no message left, and no byte a cycle",
    goal: "< 1 B a cycle over 10^6 cycles",
    unit: "cycles",
    trials: TrialCounts(pr: 10, nightly: 200))

  private static let cycles = 100_000

  private enum Way: CaseIterable { case finished, abandoned, killed, thrownInto, raising }

  private struct Mishap: Error {}

  /// Counts those that are there.
  private final class Load {
    static let alive = Atomic(0)
    init() { Self.alive.add(1, ordering: .relaxed) }
    deinit { Self.alive.subtract(1, ordering: .relaxed) }
  }

  func run(_ trial: Trial) throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    // What is made once and kept is no leak.
    for _ in 0..<2000 { try cycle(trial, pool) }
    let before = Resident.bytes()
    for _ in 0..<Self.cycles { try cycle(trial, pool) }
    let growth = Resident.bytes() - before
    let perCycle = Double(growth) / Double(Self.cycles)
    trial.figure("bytes a cycle", perCycle)
    let census = GreenletCensus.now
    try trial.expect(census.suspended, is: 0, "suspended greenlets left")
    try trial.expect(Load.alive.load(ordering: .relaxed), is: 0, "objects left on stacks")
    try trial.expect(perCycle < 1, "\(perCycle) bytes a cycle stayed")
    trial.count(Self.cycles)
  }

  private func cycle(_ trial: Trial, _ pool: StackPool) throws {
    let way = Way.allCases.randomElement(using: &trial.generator) ?? .finished
    let depth = Int.random(in: 0..<8, using: &trial.generator)
    let main = Greenlet.main
    let one = Greenlet(stacks: .pool(pool)) { (load: Load) in
      try Self.descend(depth, load, way == .finished ? nil : main, raises: way == .raising)
    }
    do {
      try one.switch(Load())
      switch way {
      case .killed: try one.kill()
      case .thrownInto: try one.throw(Mishap())
      default: break
      }
    } catch is Mishap {
      return
    }
  }

  @inline(never)
  private static func descend(
    _ depth: Int, _ load: Load, _ home: Greenlet?, raises: Bool
  ) throws {
    defer { withExtendedLifetime(load) {} }
    if depth > 0 { return try descend(depth - 1, Load(), home, raises: raises) }
    if raises { throw Mishap() }
    try home?.switch()
  }
}

/// This process's resident memory.
enum Resident {
  static func bytes() -> Int {
    // Without the file nothing grows; its being there is a trial's first expectation elsewhere.
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(getpagesize())
  }
}
