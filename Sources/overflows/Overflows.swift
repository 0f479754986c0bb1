// The program behind scripts/check-overflow: overflows stacks, each in a child process, and counts.

import CFaults
import Foundation
import Stacks

@main enum Overflows {
  static func main() {
    var trials = 1000
    var seed = UInt64.random(in: 1...UInt64.max)
    var arguments = CommandLine.arguments.dropFirst()
    while let option = arguments.popFirst() {
      let value = arguments.popFirst() ?? ""
      switch (option, UInt64(value)) {
      case ("--trials", .some(let number)) where (1...1_000_000).contains(number):
        trials = Int(number)
      case ("--seed", .some(let number)): seed = number
      default:
        complain("unknown option \(option) \(value); use [--trials N] [--seed N]")
        exit(64)
      }
    }
    print("seed \(seed); \(trials) trials each; caught: died of the signal, and said so by name")
    // A process for each kind of guards: what the kernel offers is asked once in a process.
    let ends = [Guards.pages, .protected].map { guards in
      fflush(nil)
      let runner = gb_fork()
      if runner == 0 {
        let isFine = run(guards, trials, seed)
        fflush(nil)
        _exit(isFine ? 0 : 1)
      }
      return Children.status(of: runner)
    }
    exit(ends.allSatisfy { $0 == 0 } ? 0 : 1)
  }

  /// Runs the trials of all strategies with such guards.
  private static func run(_ guards: Guards, _ trials: Int, _ seed: UInt64) -> Bool {
    if guards == .protected, gb_refuse_guard_pages() != 0 {
      print("skipped: \(guards.rawValue); a filter of system calls is refused here")
      return true
    }
    guard (StackGuard.best == .marks) == (guards == .pages) else {
      print("skipped: \(guards.rawValue); this kernel has none")
      return true
    }
    var generator = Generator(state: seed)
    var isFine = true
    for source in Source.all {
      for kind in Kind.allCases {
        let strategy = "\(source.name), \(guards.rawValue), \(kind.rawValue)"
        isFine = row(strategy, trials, &generator) { Overflow(source, kind, &$0) } && isFine
      }
    }
    return row("other faults, \(guards.rawValue)", trials, &generator) { OtherFault(&$0) } && isFine
  }

  /// Makes trials and prints how many went as they should, and the first that did not.
  private static func row(
    _ name: String, _ trials: Int, _ generator: inout Generator,
    _ make: (inout Generator) -> any Trial
  ) -> Bool {
    var (caught, withDepth) = (0, 0)
    var wrong: String?
    for _ in 0..<trials {
      let trial = make(&generator)
      let outcome = trial.outcome()
      if let what = trial.objection(to: outcome) {
        wrong =
          wrong ?? "\(trial): \(what); it ended with \(outcome.end), and said: \(outcome.said)"
      } else {
        caught += 1
        if outcome.said.contains(" frames deep") { withDepth += 1 }
      }
    }
    let columns = name.padding(toLength: 44, withPad: " ", startingAt: 0)
    print("\(columns)\(caught) of \(trials)  (\(withDepth) with their depth)")
    if let wrong { print("  first failure: \(wrong)") }
    return caught == trials
  }

  private static func complain(_ text: String) {
    FileHandle.standardError.write(Data("overflows: \(text)\n".utf8))
  }
}

/// A small generator, so that a seed tells all.
struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
