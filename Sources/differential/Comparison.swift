// Compares the two sides, shrinks what differs, and keeps it in a file.

import DifferentialKit
import Foundation

/// A difference that is documented: its row in the list of greenlet's rules, and how it is met.
struct KnownDifference {
  let row: String
  let treatment: String

  static let all = [
    // An exit that leaves a child whose parent has not started: greenlet hands the exit object to
    // the parent's body as its tuple of arguments, which is a confusion of types. Here it is the
    // value that the parent starts with, and the Python side does the same by hand.
    KnownDifference(row: "D10", treatment: "stepped around"),
    // A body that swallows its exit after its last reference went, and switches away: greenlet
    // complains and leaks it at once, here it is asked again. Bodies do not do so unless they defy
    // the rule, or lose the reference again that they kept of themselves.
    KnownDifference(row: "K6", treatment: "not compared"),
    // A greenlet that keeps itself while it is ended, and is let go of again before whoever ends it
    // goes on: CPython's weak references still find it, and the Python side ends it last. A Swift
    // object that is going has no weak references, so here whoever ends it asks it again.
    KnownDifference(row: "K9", treatment: "what is left in the end is not compared"),
    // A kill puts the old parent back without looking, so that a reparenting in its middle can close
    // a circle; the next search for a living ancestor then hangs in CPython. Bodies that are being
    // killed do not reparent; others that run meanwhile may.
    KnownDifference(row: "P11", treatment: "CPython hangs, not compared"),
  ]
}

/// What both sides made of a program.
struct Verdict {
  let program: Program
  let ours: Answer
  let theirs: Answer

  var known: Set<String> {
    if theirs.isHung { return ["P11"] }
    return differsInTheEndOnly ? theirs.known.union(["K9"]) : theirs.known
  }

  var isDifference: Bool {
    ours.trace != theirs.trace && known.isDisjoint(with: ["K6", "K9", "P11"])
  }

  /// Whether the traces part after the last slot was cleared, and a greenlet kept itself before.
  private var differsInTheEndOnly: Bool {
    let common = zip(ours.trace, theirs.trace).prefix { $0 == $1 }.map(\.0)
    guard common.count < max(ours.trace.count, theirs.trace.count) else { return false }
    let rest = ours.trace.dropFirst(common.count) + theirs.trace.dropFirst(common.count)
    return common.contains { $0.hasPrefix("main used ") }
      && !rest.contains { $0.hasPrefix("main clears ") }
      && common.contains { $0.contains(" keep ") || $0.contains(" defy ") }
      && common.contains { $0.contains(" x0") }
  }

  var isDeath: Bool { ours.isDeath || theirs.isDeath }

  /// The program, the lines that both traces begin with, and the rest of each.
  var text: String {
    let common = zip(ours.trace, theirs.trace).prefix { $0 == $1 }.map(\.0)
    func rest(_ trace: [String]) -> [String] { trace.dropFirst(common.count).map { "    \($0)" } }
    var lines = program.text.split(separator: "\n").map { "  \($0)" }
    lines += ["both:"] + common.map { "    \($0)" }
    if isDifference || ours.trace != theirs.trace {
      lines += ["Greenlets:"] + rest(ours.trace) + ["CPython:"] + rest(theirs.trace)
    }
    return lines.joined(separator: "\n")
  }
}

extension Answer {
  var isHung: Bool { trace == ["hung"] }

  var isDeath: Bool { isHung || (trace.count == 1 && trace[0].hasPrefix("died ")) }

  /// How many operations were run.
  var operations: Int {
    let line = trace.last { $0.hasPrefix("main used ") }
    return line.flatMap { Int($0.dropFirst("main used ".count)) } ?? 0
  }
}

/// Both sides.
final class Comparer {
  private let ours: Interpreter
  private let theirs: Interpreter

  init(ours: Interpreter, theirs: Interpreter) {
    self.ours = ours
    self.theirs = theirs
  }

  /// Runs programs on both sides at the same time.
  func verdicts(_ programs: [Program]) throws -> [Verdict] {
    try ours.begin(programs)
    try theirs.begin(programs)
    let (left, right) = (try ours.finish(programs), try theirs.finish(programs))
    return programs.indices.map {
      Verdict(program: programs[$0], ours: left[$0], theirs: right[$0])
    }
  }

  /// The smallest program that still differs in the same way.
  ///
  /// One that hangs stays as it is: every try would cost seconds.
  func shrink(_ verdict: Verdict) throws -> Verdict {
    if verdict.ours.isHung || verdict.theirs.isHung { return verdict }
    let smallest = try Shrinker.shrink(verdict.program) { candidate in
      let found = try verdicts([candidate])[0]
      return found.isDifference && found.isDeath == verdict.isDeath
    }
    return try verdicts([smallest])[0]
  }
}
