// Greenlets in the hands of other threads, while their own goes on.

import CSanitizers
import Greenlets
import StressKit

/// Lets threads switch among their greenlets, and do to each other's what they may and what they may not.
struct CrossThread: StressClass {
  let about = StressClassAbout(
    name: "cross-thread",
    injection:
      "switch, throw, kill, last handles and thread ends from other threads, at any moment",
    expectation: "refused by name, or done by the owner; its own work goes on; nothing is left",
    goal: "every outcome named; clean under ThreadSanitizer",
    unit: "operations",
    trials: TrialCounts(pr: 800, nightly: 20_000))

  static let threads = 3

  /// How many steps a thread makes.
  static let steps = 120

  func run(_ trial: Trial) throws {
    // Every other trial tries what is refused while the owner runs; the rest while it waits.
    let isBold = trial.index.isMultiple(of: 2) && !Self.isWatched
    let plans = (0..<Self.threads).map { thread in
      (0..<Self.steps).map { _ in CrossStep.random(&trial.generator, of: thread) }
    }
    let kept = Set(trial.steps(of: Self.threads * Self.steps))
    if EngineCounters.onUnraisable == nil { EngineCounters.onUnraisable = { _ in } }
    let before = (GreenletCensus.now, EngineCounters.mainGreenlets)
    let tally = CrossTally()
    let board = CrossBoard(Self.threads * CrossStep.slots)
    let threads = try (0..<Self.threads).map { _ in try StressThread() }
    let owners = (0..<Self.threads).map { number in
      let steps = (0..<Self.steps).filter { kept.contains(number * Self.steps + $0) }
        .map { plans[number][$0] }
      return CrossOwner(number, steps, board, tally, isBold: isBold)
    }
    if trial.isAloud { for owner in owners { for step in owner.steps { trial.tell("\(step)") } } }
    for (thread, owner) in zip(threads, owners) { thread.begin { owner.play() } }
    for thread in threads { thread.wait() }
    // One at a time from here on: each thread does to the others' what is refused while they wait.
    for (thread, owner) in zip(threads, owners) { thread.run { owner.tryOthers(ended: 0..<0) } }
    for (number, thread) in threads.enumerated() {
      thread.end()
      // Who is left has handles of a thread that has ended.
      for later in (number + 1)..<Self.threads {
        threads[later].run { owners[later].tryOthers(ended: 0..<number + 1) }
      }
    }
    board.clear()
    for owner in owners {
      if let finding = owner.findings.first { throw Finding(finding) }
      trial.count(owner.count)
    }
    let after = (GreenletCensus.now, EngineCounters.mainGreenlets)
    try trial.expect(tally.alive, is: 0, "messages and bodies left")
    try trial.expect(after.0.suspended - before.0.suspended, is: 0, "suspended greenlets left")
    try trial.expect(after.0.unstarted - before.0.unstarted, is: 0, "unstarted greenlets left")
    try trial.expect(
      after.0.quarantined - before.0.quarantined, is: 0, "quarantined greenlets")
    try trial.expect(after.1 - before.1, is: 0, "threads that have ended and are still listed")
  }

  /// Whether races are looked for: then what reads another thread's greenlet waits for that thread.
  private static var isWatched: Bool { gb_sanitizers_are_on() }
}

/// What a thread does next.
enum CrossStep: Hashable {
  /// Of its own greenlets: continue, make, let go.
  case change(slot: Int)
  case make(slot: Int, starts: Bool)
  case drop(slot: Int)
  case drain

  /// Of any: what is refused, what may be asked, and the end of a handle.
  case attempt(slot: Int, CrossAttempt)
  case ask(slot: Int)
  case dropAny(slot: Int)

  /// The slots of a thread.
  static let slots = 6

  static func random(_ generator: inout TrialGenerator, of thread: Int) -> CrossStep {
    let own = thread * slots + Int.random(in: 0..<slots, using: &generator)
    let any = Int.random(in: 0..<slots * CrossThread.threads, using: &generator)
    let attempts = CrossAttempt.allCases
    return switch Int.random(in: 0..<20, using: &generator) {
    case 0..<6: .change(slot: own)
    case 6..<10: .make(slot: own, starts: Int.random(in: 0..<4, using: &generator) > 0)
    case 10: .drop(slot: own)
    case 11: .drain
    case 12..<15:
      .attempt(slot: any, attempts[Int.random(in: 0..<attempts.count, using: &generator)])
    case 15..<17: .ask(slot: any)
    default: .dropAny(slot: any)
    }
  }
}

/// What is refused on another thread.
enum CrossAttempt: CaseIterable { case change, raise, kill, freeze }
