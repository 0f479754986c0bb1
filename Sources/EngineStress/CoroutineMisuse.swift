// Coroutines in every state, and what must not be done to them: misuse ends the process, a child here.

import CSanitizers
import Foundation
import Greenlets
import Stacks
import StressKit

/// What is done to coroutines, and what must end a process.
struct CoroutineMisuse: StressClass {
  let about = StressClassAbout(
    name: "coroutine-misuse",
    injection:
      "resume, suspend and scope ends in every state of a coroutine; what must not be asked",
    expectation: "a value, a cancellation, or the end of the process, as a list says",
    goal: "all cases asserted",
    unit: "cases",
    trials: TrialCounts(pr: Case.allCases.count, nightly: 20 * Case.allCases.count))

  private enum Case: String, CaseIterable {
    case idleGoes = "an idle one goes"
    case idleResumed = "an idle one is resumed"
    case suspendedGoes = "a suspended one goes"
    case suspendedResumed = "a suspended one is resumed"
    case bodyFails = "a body fails"
    case finishedResumed = "a finished one is resumed"
    case runningResumed = "a running one is resumed by itself"
    case suspendedFromOutside = "a suspended one is suspended from outside"
    case finishedFromOutside = "a finished one is suspended from outside"
    case refusingGoes = "one that never ends goes"
    case reluctantGoes = "one that ends at the last try goes"
    case killWithoutTries = "a kill without a try"
    case hugeStack = "a stack of more than a pool may have"

    /// What must come of it; nil for the end of the process.
    var result: String? {
      switch self {
      case .idleGoes: "false"
      case .idleResumed, .suspendedGoes: "yielded(1) false"
      case .suspendedResumed: "yielded(1) returned(3) true"
      case .bodyFails: "yielded(1) Mishap() true"
      case .refusingGoes: "yielded(-3) false"
      case .reluctantGoes: "yielded(-4) false"
      default: nil
      }
    }

    /// Stacks that stay out, with what is on them.
    var left: Int { self == .refusingGoes ? 1 : 0 }
  }

  /// Keeps a coroutine where it can be reached from within it, too.
  private final class Held {
    let coroutine: Coroutine<Int, Int>

    init(_ coroutine: consuming Coroutine<Int, Int>) { self.coroutine = coroutine }

    func resume(_ number: Int) throws -> Step<Int> { try coroutine.resume(number) }
    var isFinished: Bool { coroutine.isFinished }
  }

  /// What a case works with, and what it has left.
  private final class Bench {
    let pool = StackPool(stackSize: .kibibytes(64))
    let tally = ProgramTally()
    weak var held: Held?
    var suspender: Suspender<Int, Int>?
  }

  private struct Mishap: Error {}

  func run(_ trial: Trial) throws {
    let one = Case.allCases[trial.index % Case.allCases.count]
    guard let result = one.result else {
      guard !gb_sanitizers_are_on() else {
        throw Skip("a trap in a child; try without a sanitizer")
      }
      let outcome = try ForkedChild.run {
        do { _ = try Self.make(one, Bench()) } catch { _exit(3) }
      }
      let isTrap = [SIGABRT, SIGILL, SIGTRAP].contains { outcome.end == 256 + $0 }
      return try trial.expect(
        isTrap, "\(one.rawValue): ended with \(outcome.end), not a trap: \(outcome.said)")
    }
    try StressThread.run {
      let bench = Bench()
      try trial.expect(try Self.make(one, bench), is: result, one.rawValue)
      try trial.expect(bench.tally.alive, is: one.left, "\(one.rawValue): captures left")
      try trial.expect(
        bench.pool.lentCount, is: one.left, "\(one.rawValue): stacks that are not back")
    }
  }

  /// Makes a case; the coroutine has gone when it returns.
  ///
  /// - Returns: What was seen.
  private static func make(_ one: Case, _ bench: Bench) throws -> String {
    switch one {
    case .killWithoutTries:
      try Greenlet { 0 }.kill(tries: 0)
      return ""
    case .hugeStack:
      return "\(try Greenlet(stacks: .dedicated(size: .mebibytes(16))) { 0 }.switch() as Int)"
    default: break
    }
    let held = try coroutine(bench)
    bench.held = held
    switch one {
    case .idleGoes: return "\(held.isFinished)"
    case .runningResumed: return "\(try held.resume(-2))"
    case .refusingGoes: return "\(try held.resume(-3)) \(held.isFinished)"
    case .reluctantGoes: return "\(try held.resume(-4)) \(held.isFinished)"
    default: break
    }
    var seen = "\(try held.resume(1)) "
    switch one {
    case .suspendedResumed: seen += "\(try held.resume(2)) "
    case .bodyFails: do { _ = try held.resume(-1) } catch { seen += "\(error) " }
    case .finishedResumed: _ = (try held.resume(2), try held.resume(3))
    case .suspendedFromOutside: _ = try bench.suspender?.suspend(5)
    case .finishedFromOutside: _ = (try held.resume(2), try bench.suspender?.suspend(5))
    default: break
    }
    return seen + "\(held.isFinished)"
  }

  private static func coroutine(_ bench: Bench) throws -> Held {
    let load = ProgramLoad(bench.tally, 0)
    return Held(
      try Coroutine<Int, Int>(on: bench.pool) { suspender, first in
        bench.suspender = suspender
        if first == -2 { return try bench.held?.resume(0).value ?? 0 }
        if first < -2 {
          return try withExtendedLifetime(load) { try refuse(suspender, first) }
        }
        let second = try withExtendedLifetime(load) { try suspender.suspend(first) }
        if second < 0 { throw Mishap() }
        return first + second
      })
  }

  /// Suspends itself again when it is told to end; at the tenth time it does so, for -4.
  private static func refuse(_ suspender: Suspender<Int, Int>, _ first: Int) throws -> Int {
    var tries = 0
    while true {
      do { _ = try suspender.suspend(first) } catch {
        tries += 1
        if first == -4, tries == 10 { throw error }
      }
    }
  }
}
