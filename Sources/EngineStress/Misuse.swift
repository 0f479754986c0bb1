// The matrix of misuse: every state of a greenlet, every operation, every thread.

import Greenlets
import StressKit

/// Does everything to greenlets in every state, and looks into the table what must come of it.
struct Misuse: StressClass {
  let about = StressClassAbout(
    name: "misuse",
    injection: "each operation on a greenlet in each state, from its own thread and others",
    expectation: "the outcome and the state that a table says; nothing left afterwards",
    goal: "all cells asserted",
    unit: "cells",
    trials: TrialCounts(pr: MisuseRow.all.count, nightly: MisuseRow.all.count * 100))

  func run(_ trial: Trial) throws {
    let row = MisuseRow.all[trial.index % MisuseRow.all.count]
    if EngineCounters.onUnraisable == nil { EngineCounters.onUnraisable = { _ in } }
    let all = MisuseOperation.allCases
    for step in trial.steps(of: all.count) {
      trial.tell("\(row): \(all[step].rawValue)")
      let before = GreenletCensus.now
      let subject = MisuseSubject(row.state)
      try Self.fill(subject, all[step], row.place)
      let expected = MisuseTable.outcome(of: all[step], on: row)
      try trial.expect(
        subject.outcome ?? "nothing", is: expected, "\(all[step].rawValue) on \(row)")
      let after = GreenletCensus.now
      if row.state != .quarantined {
        try trial.expect(subject.tally.alive, is: 0, "\(all[step].rawValue) on \(row): loads left")
        try trial.expect(
          after.suspended - before.suspended, is: 0, "\(all[step].rawValue) on \(row): left")
      }
    }
  }

  /// Makes one cell, on threads that have ended when it is over.
  private static func fill(
    _ subject: MisuseSubject, _ operation: MisuseOperation, _ place: MisusePlace
  ) throws {
    let own = try StressThread()
    try own.attempt(subject.make)
    switch place {
    case .own:
      own.run { subject.undergo(operation, from: place) }
      if operation == .drop {
        own.run { subject.drop() }
        subject.noteDropped()
      }
      own.run { subject.drop() }
      own.end()
    case .living:
      let other = try StressThread()
      if subject.state == .running || subject.state == .waiting {
        own.run { subject.run { other.run { subject.undergo(operation, from: place) } } }
      } else {
        other.run { subject.undergo(operation, from: place) }
      }
      other.run { subject.drop() }
      own.run { Greenlet.drain() }
      if operation == .drop { subject.noteDropped() }
      other.end()
      own.end()
    case .ended:
      own.end()
      try StressThread.run {
        subject.undergo(operation, from: place)
        subject.drop()
      }
      if operation == .drop { subject.noteDropped() }
    }
  }
}
