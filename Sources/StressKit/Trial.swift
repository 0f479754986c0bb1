// One trial of a class: its seed, its schedule, and what it has to tell.

public import Foundation

/// What a trial is given, and what it tells.
public final class Trial {
  /// Which trial of which seed.
  public let token: TrialToken

  /// Counts from 0; a class that enumerates (the n-th operation, the n-th cell) goes by it.
  public var index: Int { token.index }

  /// How much is asked for.
  public let profile: StressProfile

  /// Gives the same numbers for the same token.
  public var generator: TrialGenerator

  /// A folder of this trial's own, removed after it.
  public let scratch: URL

  /// This program, for trials that start it.
  public let program: String

  /// The executor to put to the test: this program's own worker, or a user's.
  public internal(set) var executor: String

  /// How many things were looked at so far.
  public private(set) var checks = 0

  /// How many steps the schedule has; nil until somebody asked for them.
  public private(set) var stepCount: Int?

  /// Called once the number of steps is known: a trial that dies has told it before.
  var whenPlanned: (Int) -> Void = { _ in }

  /// Called for each step that is told; a trial that dies says its schedule that way.
  var whenTold: ((String) -> Void)?

  /// Whether each step is passed on as it is told; else it is enough to tell those of a failure.
  public var isAloud: Bool { whenTold != nil }

  /// What the steps are, as they were told.
  public private(set) var schedule: [String] = []

  public private(set) var artefacts: [String: String] = [:]
  public private(set) var figures: [String: Double] = [:]

  /// Makes one.
  public init(_ token: TrialToken, profile: StressProfile, scratch: URL, program: String) {
    self.token = token
    self.profile = profile
    self.scratch = scratch
    self.program = program
    executor = program
    generator = TrialGenerator(seed: token.trialSeed)
  }

  /// The steps to make of a schedule of so many.
  ///
  /// A class makes its whole schedule from the generator first, then takes only these of it: so a
  /// failing schedule can be made shorter, and each step stays what it was.
  public func steps(of count: Int) -> [Int] {
    stepCount = count
    whenPlanned(count)
    let omitted = Set(token.omitted)
    return (0..<count).filter { !omitted.contains($0) }
  }

  /// Tells what a step does, before it is made.
  ///
  /// - Complexity: The last thousand are kept.
  public func tell(_ step: @autoclosure () -> String) {
    if schedule.count == 1000 { schedule.removeFirst(500) }
    schedule.append(step())
    if let whenTold, let last = schedule.last { whenTold(last) }
  }

  /// Counts what was looked at and was as it must be.
  public func count(_ more: Int = 1) { checks += more }

  /// Keeps a text that helps to understand a failure.
  public func attach(_ name: String, _ text: String) { artefacts[name] = text }

  /// Keeps the largest value of a figure.
  public func figure(_ name: String, _ value: Double) {
    figures[name] = max(figures[name] ?? value, value)
  }

  /// Counts a check.
  ///
  /// - Throws: `Finding` with these words when the condition does not hold.
  public func expect(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws(Finding) {
    guard condition else { throw Finding(otherwise()) }
    checks += 1
  }

  /// The same, for two values.
  public func expect<Value: Equatable>(
    _ value: Value, is expected: Value, _ what: @autoclosure () -> String
  ) throws(Finding) {
    guard value == expected else { throw Finding("\(what()): \(value), not \(expected)") }
    checks += 1
  }
}

/// Something is not as it must be.
public struct Finding: Error, CustomStringConvertible, Hashable {
  /// One sentence.
  public let what: String

  public init(_ what: String) { self.what = what }

  public var description: String { what }
}

/// Something cannot be tried on this machine.
///
/// That is no failure, and no success.
public struct Skip: Error, CustomStringConvertible, Hashable {
  /// Why, and how it could be.
  public let reason: String

  public init(_ reason: String) { self.reason = reason }

  public var description: String { reason }
}
