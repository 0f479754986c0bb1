// The contract of a stress class: what it breaks, what must happen then, and how often it is tried.

/// A class of faults.
///
/// Trials run one after another in a process that only runs trials of this class, on a thread of its
/// own. A trial that ends the process, or does not end, is a finding, too; the rest of the trials go on
/// in another process.
public protocol StressClass: Sendable {
  var about: StressClassAbout { get }

  /// Makes one trial.
  ///
  /// Whatever is random about it comes from `trial.generator`, and what it leaves behind lies in
  /// `trial.scratch`.
  ///
  /// - Throws: `Finding` when something is not as it must be, `Skip` when it cannot be tried here.
  ///   Any other error is a finding, too.
  func run(_ trial: Trial) throws
}

/// What is said of a class.
public struct StressClassAbout: Hashable, Sendable {
  /// Lower case, with hyphens.
  public let name: String

  /// What is put wrong, in a few words.
  public let injection: String

  /// What must happen then.
  public let expectation: String

  /// What the numbers have to reach, in a few words.
  public let goal: String

  /// What `Trial.count` counts, in the plural: `switches`, `cells`, `requests`.
  public let unit: String

  /// How many trials each profile makes.
  public let trials: TrialCounts

  /// How long one trial may take, in seconds, before it counts as hung.
  ///
  /// Generous: another program may have the machine.
  public let secondsMax: Int

  /// Whether nothing else may run beside it.
  public let isAlone: Bool

  /// Whether a night's trial mostly waits, for as long as all others take: it begins first, beside them.
  public let isLong: Bool

  /// Makes one.
  public init(
    name: String, injection: String, expectation: String, goal: String, unit: String,
    trials: TrialCounts, secondsMax: Int = 60, isAlone: Bool = false, isLong: Bool = false
  ) {
    self.name = name
    self.injection = injection
    self.expectation = expectation
    self.goal = goal
    self.unit = unit
    self.trials = trials
    self.secondsMax = secondsMax
    self.isAlone = isAlone
    self.isLong = isLong
  }
}

/// How much is tried.
public enum StressProfile: String, CaseIterable, Sendable {
  /// For each change: all classes, a few minutes.
  case pr

  /// For each night: an hour.
  case nightly

  /// For a machine that has nothing else to do: a day.
  case soak
}

/// How many trials each profile makes.
public struct TrialCounts: Hashable, Sendable {
  public let pr: Int
  public let nightly: Int
  public let soak: Int

  /// Makes one.
  ///
  /// - Parameters:
  ///   - pr: A change's.
  ///   - nightly: An hour's, with all other classes.
  ///   - soak: A day's; ten nights' if not given.
  public init(pr: Int, nightly: Int, soak: Int? = nil) {
    self.pr = pr
    self.nightly = nightly
    self.soak = soak ?? nightly * 10
  }

  /// The trials of a profile.
  public subscript(profile: StressProfile) -> Int {
    switch profile {
    case .pr: pr
    case .nightly: nightly
    case .soak: soak
    }
  }
}
