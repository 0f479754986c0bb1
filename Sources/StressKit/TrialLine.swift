// What the process that makes trials tells the one that asked for them: a JSON object a line.

import Foundation

/// One line.
public enum TrialLine: Codable, Hashable, Sendable {
  /// A trial begins: whatever happens from here on is of this trial.
  case began(index: Int)

  /// The trial's schedule has so many steps.
  case planned(steps: Int)

  /// A trial has ended.
  case ended(TrialResult)

  /// Writes the line, without its end.
  public var text: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  /// Reads a line; nil when it is none of these.
  public init?(_ text: String) {
    // A line of somebody else's is no line of ours: that is the answer.
    guard let line = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) else { return nil }
    self = line
  }
}

/// How a trial ended.
public struct TrialResult: Codable, Hashable, Sendable {
  public enum Verdict: Codable, Hashable, Sendable {
    case passed
    case failed(String)
    case skipped(String)
  }

  public let index: Int
  public let verdict: Verdict
  public let checks: Int
  public let steps: Int?
  public let artefacts: [String: String]
  public let figures: [String: Double]

  /// What a trial told, with its verdict.
  public init(_ trial: Trial, _ verdict: Verdict) {
    index = trial.index
    self.verdict = verdict
    checks = trial.checks
    steps = trial.stepCount
    var artefacts = trial.artefacts
    if case .failed = verdict, !trial.schedule.isEmpty {
      artefacts["schedule"] = trial.schedule.joined(separator: "\n")
    }
    self.artefacts = artefacts
    figures = trial.figures
  }
}
