// The process that makes trials: one class, one after another, and a line for each.

public import Foundation

/// Makes trials and tells how they went.
public enum TrialServer {
  /// Makes trials, each in an empty folder.
  ///
  /// - Parameters:
  ///   - theClass: Whose trials.
  ///   - first: The first one; it may leave steps out.
  ///   - count: How many, one number after another.
  ///   - profile: Passed on to the trials.
  ///   - scratch: Where the folders are made.
  ///   - program: Passed on to the trials.
  ///   - executor: Passed on to the trials.
  ///   - whenTold: Takes every step that a trial tells, at once.
  ///   - tell: Takes every line.
  /// - Throws: That a folder cannot be made.
  public static func serve(
    _ theClass: any StressClass, first: TrialToken, count: Int, profile: StressProfile,
    scratch: URL, program: String, executor: String? = nil, whenTold: ((String) -> Void)? = nil,
    tell: @escaping (TrialLine) -> Void
  ) throws {
    for index in first.index..<first.index + count {
      let token = TrialToken(
        className: first.className, seed: first.seed, index: index, omitted: first.omitted)
      let folder = scratch.appending(path: "trial-\(index)", directoryHint: .isDirectory)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let trial = Trial(token, profile: profile, scratch: folder, program: program)
      if let executor { trial.executor = executor }
      trial.whenPlanned = { tell(.planned(steps: $0)) }
      trial.whenTold = whenTold
      tell(.began(index: index))
      tell(.ended(TrialResult(trial, verdict(of: theClass, trial))))
      // Some trials make what cannot be removed until they mend it; then the whole scratch goes later.
      try? FileManager.default.removeItem(at: folder)
    }
  }

  private static func verdict(of theClass: any StressClass, _ trial: Trial) -> TrialResult.Verdict {
    do {
      try theClass.run(trial)
      return .passed
    } catch let skip as Skip {
      return .skipped(skip.reason)
    } catch {
      return .failed("\(error)")
    }
  }
}
