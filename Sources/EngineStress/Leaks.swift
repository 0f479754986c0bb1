// Leaks: greenlets that are abandoned, killed, cancelled or thrown into must leave nothing behind.

import CSanitizers
import Foundation
import Greenlets
import Stacks
import StressKit

/// Ends greenlets and coroutines in every way that does not let them finish by themselves.
struct Leaks: StressClass {
  let about = StressClassAbout(
    name: "leaks",
    injection:
      "greenlets and coroutines abandoned, killed, cancelled, thrown into, frozen, raising",
    expectation: "no greenlet, no stack, no message left, and no byte a cycle",
    goal: "< 1 B a cycle over 10^6 cycles",
    unit: "cycles",
    trials: TrialCounts(pr: 10, nightly: 200))

  private static let cycles = 100_000

  private enum Way: CaseIterable {
    case finished, abandoned, killed, thrownInto, raising
    case frozen, sliced, slicedKilled, unstarted, cancelled, unstartedCoroutine, withLocal, traced
  }

  private struct Mishap: Error, @unchecked Sendable {
    // SAFETY (@unchecked Sendable): it stays on the thread of its trial.
    let load: ProgramLoad
  }

  /// What a trial works with.
  private struct Bench {
    let pool = StackPool(stackSize: .kibibytes(64))
    let tally = ProgramTally()
    let local = GreenletLocal<ProgramLoad?>(nil)

    func load() -> ProgramLoad { ProgramLoad(tally, 0) }
  }

  func run(_ trial: Trial) throws {
    try StressThread.run {
      let bench = Bench()
      // What is made once and kept is no leak.
      for _ in 0..<4000 { try cycle(trial, bench) }
      let census = GreenletCensus.now
      let before = try Resident.bytes()
      for _ in 0..<Self.cycles { try cycle(trial, bench) }
      let perCycle = Double(try Resident.bytes() - before) / Double(Self.cycles)
      trial.figure("bytes a cycle", perCycle)
      let now = GreenletCensus.now
      try trial.expect(now.suspended, is: census.suspended, "suspended greenlets left")
      try trial.expect(now.unstarted, is: census.unstarted, "unstarted greenlets left")
      try trial.expect(bench.tally.alive, is: 0, "objects left on stacks and in messages")
      try trial.expect(bench.pool.lentCount, is: 0, "stacks that are not back")
      try trial.expect(Greenlet.sliceCounters.heldBytes, is: 0, "bytes of slices left")
      // A sanitizer keeps what was freed.
      if !gb_sanitizers_are_on() {
        try trial.expect(perCycle < 1, "\(perCycle) bytes a cycle stayed")
      }
      trial.count(Self.cycles)
    }
  }

  private func cycle(_ trial: Trial, _ bench: Bench) throws {
    let way = Way.allCases.randomElement(using: &trial.generator) ?? .finished
    let depth = Int.random(in: 0..<8, using: &trial.generator)
    do {
      switch way {
      case .cancelled, .unstartedCoroutine: try coroutine(bench, depth, starts: way == .cancelled)
      case .traced:
        Greenlet.setTracer { _ in }
        defer { Greenlet.setTracer(nil) }
        try greenlet(way, bench, depth)
      default: try greenlet(way, bench, depth)
      }
    } catch is Mishap {
      // Who raises or is thrown into passes it on.
    }
  }

  private func greenlet(_ way: Way, _ bench: Bench, _ depth: Int) throws {
    let main = Greenlet.main
    let isSliced = way == .sliced || way == .slicedKilled
    let inside = bench.load()
    let one = Greenlet(stacks: isSliced ? .sliced : .pool(bench.pool)) { (load: ProgramLoad) in
      if way == .withLocal { bench.local.value = inside }
      try Self.descend(depth, load, bench, way == .finished ? nil : main, raises: way == .raising)
    }
    guard way != .unstarted else { return }
    try one.switch(bench.load())
    switch way {
    case .killed, .slicedKilled: try one.kill()
    case .thrownInto: try one.throw(Mishap(load: bench.load()))
    case .frozen: try one.freeze()
    default: break
    }
  }

  private func coroutine(_ bench: Bench, _ depth: Int, starts: Bool) throws {
    let inside = bench.load()
    let one = try Coroutine<ProgramLoad, Int>(on: bench.pool) { suspender, load in
      try withExtendedLifetime((inside, load)) { try Self.suspend(depth, suspender, bench) }
    }
    if starts { _ = try one.resume(bench.load()) }
  }

  @inline(never)
  private static func suspend(
    _ depth: Int, _ suspender: Suspender<ProgramLoad, Int>, _ bench: Bench
  ) throws -> Int {
    let load = bench.load()
    defer { withExtendedLifetime(load) {} }
    if depth > 0 { return try suspend(depth - 1, suspender, bench) }
    return try suspender.suspend(depth).number
  }

  @inline(never)
  private static func descend(
    _ depth: Int, _ load: ProgramLoad, _ bench: Bench, _ home: Greenlet?, raises: Bool
  ) throws {
    defer { withExtendedLifetime(load) {} }
    if depth > 0 { return try descend(depth - 1, bench.load(), bench, home, raises: raises) }
    if raises { throw Mishap(load: bench.load()) }
    try home?.switch()
  }
}

/// This process's resident memory.
enum Resident {
  /// - Throws: `Skip` where the kernel does not tell it: nothing would ever seem to grow.
  static func bytes() throws -> Int {
    // Why it cannot be read is no matter of the engine's: that it cannot is what is told.
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
      throw Skip("/proc/self/statm cannot be read; mount /proc")
    }
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(getpagesize())
  }
}
