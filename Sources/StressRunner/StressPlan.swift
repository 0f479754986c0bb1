// What a run of stress classes is to do.

public import Foundation
public import Reports
public import StressKit

/// What to run.
public struct StressPlan: Sendable {
  public var classes: [StressClassAbout]
  public var profile: StressProfile
  public var seed: UInt64

  /// How long to go on in all, in seconds, each class for its share; nil makes the profile's trials.
  public var seconds: Int?

  /// Makes so many trials of each class in place of the profile's.
  public var trials: Int?

  /// Trials that are made first, of the classes that are run.
  public var regressions = Regressions.tokens.compactMap { TrialToken($0) }

  /// How many classes run beside one another.
  public var lanes: Int

  /// Whether the run ends at the first failure.
  public var stopsAtFirst = false

  /// The program whose `stress trial` makes trials.
  public var program: String

  /// The executor that is put to the test; nil for the program's own worker.
  public var executor: String?

  /// Where trials make their files.
  public var scratch: URL

  /// The profile of a class's trials.
  ///
  /// One that takes an hour does not fit into a time that somebody named.
  func profile(of about: StressClassAbout) -> StressProfile {
    about.isLong && seconds != nil ? .pr : profile
  }

  /// What a replay needs beside the trial's name.
  func replayOptions(of about: StressClassAbout) -> [String] {
    var options: [String] = []
    let profile = profile(of: about)
    if profile != .pr { options += ["--profile", profile.rawValue] }
    if let executor { options += ["--worker", Self.quoted(executor)] }
    return options
  }

  /// As a shell takes it.
  public static func quoted(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { byte in
      switch UInt8(byte) {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "/._-+=:@%,".utf8.contains(byte)
      }
    }
    if isPlain, !word.isEmpty { return word }
    return "'" + word.replacing("'", with: "'\\''") + "'"
  }

  /// Makes one.
  public init(
    classes: [StressClassAbout], profile: StressProfile, seed: UInt64, lanes: Int, program: String,
    scratch: URL
  ) {
    self.classes = classes
    self.profile = profile
    self.seed = seed
    self.lanes = lanes
    self.program = program
    self.scratch = scratch
  }
}

/// What a run tells while it goes on; called from several threads.
public struct StressHooks: Sendable {
  /// A class begins.
  public var began: @Sendable (StressClassAbout) -> Void = { _ in }

  /// A class has ended.
  public var ended: @Sendable (StressClassReport) -> Void = { _ in }

  /// Whether to end after the trials that are being made.
  public var shouldStop: @Sendable () -> Bool = { false }

  public init() {}
}
