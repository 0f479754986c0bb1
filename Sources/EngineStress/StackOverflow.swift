// Stacks that grow over their ends, in every way there is: each must be reported as what it was.

import CFaults
import Foundation
import Stacks
import StressKit

/// A fault, and what must come of it.
protocol Fault: CustomStringConvertible {
  /// Faults; called in a child.
  func fault()

  /// What is wrong with how the child ended; nil when all is as it should be.
  func objection(to outcome: ChildOutcome) -> String?
}

/// Overflows a stack in a child process, or faults otherwise.
struct StackOverflow: StressClass {
  let about = StressClassAbout(
    name: "stack-overflow",
    injection: "recursion past the end of a stack of every kind; other faults beside",
    expectation: "death of the signal, and a line before that names the greenlet, place and size",
    goal: "1,000 overflows of each kind of stack, 0 silent",
    unit: "faults",
    trials: TrialCounts(pr: 56 * Strategy.all.count, nightly: 1000 * Strategy.all.count))

  /// What faults, on which stacks.
  struct Strategy {
    let guards: Guards
    let make: @Sendable (inout TrialGenerator) -> any Fault

    static let all: [Strategy] = [Guards.pages, .protected].flatMap { guards in
      Source.all.flatMap { source in
        Kind.allCases.map { kind in Strategy(guards: guards) { Overflow(source, kind, &$0) } }
      } + [Strategy(guards: guards) { OtherFault(&$0) }]
    }
  }

  /// What a child ends with that cannot have such guards.
  private static let refused: Int32 = 77

  func run(_ trial: Trial) throws {
    let strategy = Strategy.all[trial.index % Strategy.all.count]
    let fault = strategy.make(&trial.generator)
    let guards = strategy.guards
    trial.tell("\(guards.rawValue): \(fault)")
    // What the kernel offers is asked once in a process: this one never does.
    let outcome = try ForkedChild.run {
      guard guards.arePresent() else { _exit(Self.refused) }
      fault.fault()
    }
    if outcome.end == Self.refused { throw Skip(guards.howToHave) }
    if let objection = fault.objection(to: outcome) {
      throw Finding(
        "\(fault), \(guards.rawValue): \(objection); it ended with \(outcome.end), and said: "
          + outcome.said)
    }
    trial.count()
  }
}

/// What makes a guard.
enum Guards: String, CaseIterable {
  case pages = "guard pages"
  case protected = "mprotect"

  /// Whether this process's stacks are guarded so from here on; to be asked before it has any.
  func arePresent() -> Bool {
    if self == .protected, gb_refuse_guard_pages() != 0 { return false }
    return (StackGuard.best == .marks) == (self == .pages)
  }

  /// Where such guards can be had.
  var howToHave: String {
    switch self {
    case .pages: "guards without mappings; Linux 6.13 and later has them"
    case .protected: "mprotect in place of marks; allow this user filters of system calls (seccomp)"
    }
  }
}
