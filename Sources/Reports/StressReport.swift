// What a run of stress classes found, as plain values: printed, written as JSON, and stored.

/// A run of stress classes.
public struct StressReport: Codable, Hashable, Sendable {
  /// What `JSON` documents of this kind say of themselves.
  public static let format = 1

  /// The format of this document.
  public var format = StressReport.format

  /// A UUID.
  public var run: String

  /// When it began, in UTC, as in `2026-11-23T06:40:00Z`.
  public var startedUTC: String

  /// How much was asked for: `pr`, `nightly` or `soak`.
  public var profile: String

  /// What every trial's own seed is made of, as in `0x51c2`.
  public var seed: String

  /// What was asked for, as a command; nil where nobody said.
  public var command: String?

  /// The executor that was put to the test; nil for the program's own.
  public var worker: String?

  /// The machine and the program, as a run of workloads tells them.
  public var machine: [String: String]

  /// Wall-clock time of the whole, in seconds; less than the sum of its classes, which run side by side.
  public var seconds: Double = 0

  /// One for each class, in the order of the list.
  public var classes: [StressClassReport]

  /// Whether somebody ended it before its end.
  public var isInterrupted = false

  /// Makes one.
  public init(
    run: String, startedUTC: String, profile: String, seed: String, machine: [String: String],
    classes: [StressClassReport]
  ) {
    self.run = run
    self.startedUTC = startedUTC
    self.profile = profile
    self.seed = seed
    self.machine = machine
    self.classes = classes
  }

  enum CodingKeys: String, CodingKey {
    case format, run, profile, seed, command, worker, seconds, machine, classes
    case startedUTC = "started_utc"
    case isInterrupted = "interrupted"
  }

  /// How many trials did not go as they should.
  public var failures: Int { classes.reduce(0) { $0 + $1.failures } }
}

/// What the trials of one class came to.
public struct StressClassReport: Codable, Hashable, Sendable {
  /// The name of the class.
  public var name: String

  /// How many trials were made; those that were skipped are not among them.
  public var trials: Int

  /// How many things were looked at in them: switches, cells, requests; the class says which.
  public var checks: Int

  /// What is counted by `checks`.
  public var unit: String

  /// How many trials did not go as they should.
  public var failures: Int

  /// Why nothing, or less, could be tried here; empty where all was.
  public var skipped: [String]

  /// Wall-clock time, in seconds.
  public var seconds: Double

  /// What the trials measured beside, by name; the largest of each.
  public var figures: [String: Double]

  /// The first of the failures, each shrunk.
  public var findings: [StressFinding]

  /// Makes one without any trials.
  public init(name: String, unit: String) {
    self.name = name
    self.unit = unit
    trials = 0
    checks = 0
    failures = 0
    skipped = []
    seconds = 0
    figures = [:]
    findings = []
  }
}

extension StressClassReport {
  /// Adds other trials of the same class.
  public mutating func add(_ other: StressClassReport) {
    trials += other.trials
    checks += other.checks
    failures += other.failures
    seconds += other.seconds
    skipped += other.skipped.filter { !skipped.contains($0) }
    figures.merge(other.figures) { max($0, $1) }
    findings += other.findings
  }
}

/// A trial that did not go as it should.
public struct StressFinding: Codable, Hashable, Sendable {
  /// What `stress replay` takes, as in `misuse/0x51c2/17~3,4`.
  public var token: String

  /// What went wrong, in one sentence.
  public var what: String

  /// The command that makes the trial again; empty in reports of older programs.
  public var replay: String

  /// How many steps the trial had, and how many of them are left after shrinking; nil where a trial
  /// is one step.
  public var steps: Int?
  public var stepsLeft: Int?

  /// What helps to understand it, by name: the schedule, calls, a map of stacks, what was said.
  public var artefacts: [String: String]

  /// Makes one.
  ///
  /// - Parameters:
  ///   - token: The trial.
  ///   - what: One sentence.
  ///   - artefacts: By name.
  ///   - options: What the trial was made with, to be added to the command.
  public init(
    token: String, what: String, artefacts: [String: String] = [:], options: [String] = []
  ) {
    self.token = token
    self.what = what
    replay = (["greenbench stress replay", token] + options).joined(separator: " ")
    self.artefacts = artefacts
  }

  enum CodingKeys: String, CodingKey {
    case token, what, replay, steps, artefacts
    case stepsLeft = "steps_left"
  }
}

extension StressFinding {
  /// Reads one; older programs did not write how it is made again.
  public init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    token = try members.decode(String.self, forKey: .token)
    what = try members.decode(String.self, forKey: .what)
    replay = try members.decodeIfPresent(String.self, forKey: .replay) ?? ""
    steps = try members.decodeIfPresent(Int.self, forKey: .steps)
    stepsLeft = try members.decodeIfPresent(Int.self, forKey: .stepsLeft)
    artefacts = try members.decode([String: String].self, forKey: .artefacts)
  }
}
