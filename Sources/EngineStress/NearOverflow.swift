// Stacks that are filled to the last byte: all of it must be theirs, and the next one must be found out.

import CFaults
import Foundation
import Greenlets
import Stacks
import StressKit

/// Fills stacks to their ends, from inside.
struct NearOverflow: StressClass {
  let about = StressClassAbout(
    name: "near-overflow",
    injection: "frames down to the last bytes above a guard or canary; one byte further",
    expectation: "no fault, heads and canaries as they were; the byte further is reported",
    goal: "0 misses in 10^5 fills",
    unit: "checks",
    trials: TrialCounts(pr: 60, nightly: 2500))

  private static let fills = 60

  /// What a canary takes of the bytes above the end.
  private static let canaryBytes = 64

  /// What a switch needs below the frame that is held.
  private static let switchBytes = 6144

  /// One frame down to the end.
  private struct Fill {
    let isGreenlet: Bool

    /// Bytes that are left below it.
    let gap: Int

    /// Whether it is suspended there, as long as the others are filled.
    let isHeld: Bool
    let pattern: UInt32

    /// How many bytes of a canary are overwritten by what goes further.
    let excess: Int

    init(_ generator: inout TrialGenerator) {
      isGreenlet = Bool.random(using: &generator)
      gap = Bool.random(using: &generator) ? 0 : Int.random(in: 0..<64, using: &generator) * 16
      isHeld = Int.random(in: 0..<8, using: &generator) == 0
      pattern = UInt32.random(in: 0...UInt32.max, using: &generator)
      excess = Int.random(in: 1...NearOverflow.canaryBytes, using: &generator)
    }
  }

  func run(_ trial: Trial) throws {
    let source = try RandomChoice.source(&trial.generator)
    var options = StackPoolOptions()
    options.stackGuard = RandomChoice.stackGuard(&trial.generator)
    let size = ByteCount.kibibytes(4 * Int.random(in: 4...64, using: &trial.generator))
    let fills = (0..<Self.fills).map { _ in Fill(&trial.generator) }
    let steps = trial.steps(of: fills.count)
    let pool = StackPool(source: try source.make(), stackSize: size, options: options)
    trial.tell("\(size) of \(source.name), \(options.stackGuard.rawValue)")

    let places = try Self.places(of: pool)
    guard gb_catch_faults() == 0 else { throw Finding("no handler of faults could be set") }
    defer { gb_let_faults_be() }
    var held: [Greenlet] = []
    for step in steps {
      let fill = fills[step]
      trial.tell("\(fill)")
      if fill.isHeld, held.count < 2 {
        held.append(try hold(fill, pool))
      } else {
        try make(fill, pool, trial)
      }
    }
    for one in held {
      let broken: Int = try one.switch()
      try trial.expect(broken, is: 0, "bytes of a held frame were overwritten")
    }
    held = []
    try trial.expect(try Self.places(of: pool), is: places, "the heads of the stacks are others")
    try trial.expect(pool.lentCount, is: 0, "stacks are still lent")
    gb_let_faults_be()
    try further(pool, trial)
  }

  /// Where the next stack's frames end, and all else that its head says.
  private struct Place: Equatable {
    let end: UInt
    let lowest: UInt
    let top: UInt
    let mapped: ByteCount
    let colour: Int
  }

  private static func place(of stack: borrowing Stack, _ pool: StackPool) -> Place {
    let lowest = unsafe UInt(bitPattern: stack.lowest)
    return Place(
      end: lowest + (pool.stackGuard == .canary ? UInt(canaryBytes) : 0), lowest: lowest,
      top: unsafe UInt(bitPattern: stack.top), mapped: stack.mappedSize, colour: stack.colour)
  }

  /// The one that is lent next.
  private static func next(of pool: StackPool) throws -> Place {
    let stack = try pool.lend()
    let place = place(of: stack, pool)
    pool.takeBack(stack)
    return place
  }

  /// A few neighbours, in the order of their addresses.
  private static func places(of pool: StackPool) throws -> [Place] {
    let first = try pool.lend()
    let second = try pool.lend()
    let third = try pool.lend()
    let places = [place(of: first, pool), place(of: second, pool), place(of: third, pool)]
    pool.takeBack(third)
    pool.takeBack(second)
    pool.takeBack(first)
    return places.sorted { $0.lowest < $1.lowest }
  }

  /// Fills the next stack, on it.
  private func make(_ fill: Fill, _ pool: StackPool, _ trial: Trial) throws {
    let place = try Self.next(of: pool)
    let end = place.end + UInt(fill.gap)
    let isGuarded = pool.stackGuard != .canary
    let body: (Int) -> Int = { _ in
      var broken = Int(gb_fill_stack(end, fill.pattern, false))
      if isGuarded, gb_fill_further(place.lowest, fill.pattern) != place.lowest - 1 { broken = -1 }
      return broken
    }
    let broken: Int
    if fill.isGreenlet {
      broken = try Greenlet(stacks: .pool(pool)) { (word: Int) in body(word) }.switch(1)
    } else {
      broken = try Coroutine<Int, Int>(on: pool) { _, word in body(word) }.resume(1).value
    }
    try trial.expect(broken != -1, "a byte below the stack was no fault, or another one")
    try trial.expect(broken, is: 0, "bytes of a full frame were overwritten")
    if !isGuarded { try hitCanary(fill, pool, trial) }
  }

  /// Fills the next stack and some bytes of its canary, in a child, which must die when it gives the
  /// stack back: the same fill without them was fine.
  private func hitCanary(_ fill: Fill, _ pool: StackPool, _ trial: Trial) throws {
    let place = try Self.next(of: pool)
    // The last of them is another one than there is, whatever the pattern says.
    let lowest = place.end - UInt(fill.excess - 1)
    let outcome = try ForkedChild.run {
      do {
        if fill.isGreenlet {
          try Greenlet(stacks: .pool(pool)) { _ = gb_fill_stack(lowest, fill.pattern, true) }
            .switch()
        } else {
          _ = try Coroutine<Int, Int>(on: pool) { _, word in
            Int(gb_fill_stack(lowest, fill.pattern, true)) + word
          }.resume(1)
        }
      } catch {
        // Refused, it has hit nothing.
        _exit(3)
      }
    }
    try expectTrap(
      outcome, "\(fill.excess) bytes of a canary were overwritten, and the child ended with", trial)
  }

  /// Checks that a child was ended by the trap of a canary.
  private func expectTrap(_ outcome: ChildOutcome, _ what: String, _ trial: Trial) throws {
    // The optimiser keeps the trap and leaves its sentence out.
    #if DEBUG
      let isTold = outcome.said.contains("has overflowed its canary")
    #else
      let isTold = true
    #endif
    try trial.expect(
      [SIGILL, SIGTRAP].contains(outcome.end - 256) && isTold,
      "\(what) \(outcome.end): \(outcome.said)")
  }

  /// Suspends a greenlet whose frame takes nearly all of its stack.
  private func hold(_ fill: Fill, _ pool: StackPool) throws -> Greenlet {
    let end = try Self.next(of: pool).end + UInt(fill.gap + Self.switchBytes)
    let main = Greenlet.current
    let one = Greenlet(stacks: .pool(pool)) { () throws -> Int in
      let away = Crossing { try main.switch() }
      // SAFETY: `away` is held until the call is over.
      let broken = unsafe gb_hold_stack(
        end, fill.pattern, { unsafe Crossing.go($0) }, Unmanaged.passUnretained(away).toOpaque())
      if let failure = away.failure { throw failure }
      return Int(broken)
    }
    try one.switch()
    return one
  }

  /// Writes one byte too many in a child, which must die of it and say so.
  private func further(_ pool: StackPool, _ trial: Trial) throws {
    let place = try Self.next(of: pool)
    let outcome = try ForkedChild.run {
      guard OverflowReport.enable() else { return }
      let one = Greenlet("nearly", stacks: .pool(pool)) { () -> Int in
        Int(gb_fill_stack(place.end, 1, true))
      }
      // What it would throw is never thrown; a child that comes back has missed the byte.
      _ = try? one.switch() as Int
    }
    if pool.stackGuard == .canary {
      try expectTrap(outcome, "a canary was overwritten, and the child ended with", trial)
    } else {
      let fault = String(place.lowest - 1, radix: 16)
      try trial.expect(
        outcome.end == 256 + SIGSEGV
          && outcome.said.contains("greenlets: stack overflow in \"nearly\"")
          && outcome.said.contains("the fault is at 0x\(fault)"),
        "a byte below 0x\(fault), and the child ended with \(outcome.end): \(outcome.said)")
    }
  }
}
