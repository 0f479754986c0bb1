// Scenario files: YAML, read strictly, every complaint with its line and column.

import Foundation
public import Reports

/// Reads scenario files.
public enum ScenarioFile {
  static let keys = [
    "workload", "backends", "parameters", "stack", "blocks", "batches", "batch", "seed",
  ]

  /// Reads a scenario from a file.
  ///
  /// - Parameters:
  ///   - path: Path of the YAML file.
  ///   - seed: The seed where the file names none.
  /// - Returns: The scenario. Its names are not yet compared with what a worker has.
  /// - Throws: What is wrong, and where.
  public static func read(_ path: String, seed: UInt64) throws(RunnerError) -> Scenario {
    guard FileManager.default.fileExists(atPath: path) else { throw .noSuchFile(path) }
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      let readable = FileManager.default.isReadableFile(atPath: path)
      throw .unreadableFile(path, reason: readable ? "it is not UTF-8 text" : "permission denied")
    }
    return try parse(text, file: path, seed: seed)
  }

  /// Reads a scenario from the text of a file.
  ///
  /// - Parameters:
  ///   - text: The YAML.
  ///   - file: The file's name, for complaints.
  ///   - seed: The seed where the text names none.
  /// - Returns: The scenario.
  /// - Throws: What is wrong, and where.
  public static func parse(
    _ text: String, file: String, seed: UInt64
  ) throws(RunnerError) -> Scenario {
    let reader = StrictYAML(file: file)
    guard let root = try reader.value(of: text) else {
      throw reader.error(nil, "the file is empty", "add a line `workload: <name>`")
    }
    let entries = try reader.entries(of: root, "the scenario", keys: keys)
    var scenario = Scenario(workload: "", seed: seed)
    for (name, key, value) in entries {
      switch name {
      case "workload": scenario.workload = try reader.text(value, name)
      case "backends":
        scenario.backends = try reader.list(value, name) { node throws(RunnerError) in
          try reader.text(node, name)
        }
        try reader.refuseRepeats(scenario.backends, value, name)
      case "parameters":
        for (parameter, _, value) in try reader.entries(of: value, name, keys: nil) {
          scenario.parameters[parameter] = try reader.list(value, parameter) {
            node throws(RunnerError) in
            try reader.integer(node, parameter, 0...Int.max)
          }
        }
      case "stack":
        scenario.stacks = try reader.list(value, name) { node throws(RunnerError) in
          try reader.stack(node)
        }
        try reader.refuseRepeats(scenario.stacks, value, name)
      case "blocks": scenario.blocks = try reader.integer(value, name, 1...10_000)
      case "batches": scenario.batchesPerVisit = try reader.integer(value, name, 1...10_000)
      case "batch":
        let written = try reader.text(value, name)
        guard let duration = Quantity.nanoseconds(written), duration <= 10_000_000_000 else {
          throw reader.wrong(value, name, written, Quantity.durationForm)
        }
        scenario.batchNanoseconds = duration
      case "seed": scenario.seed = try reader.seed(value)
      default: throw reader.unknown(key, name, among: keys)
      }
    }
    guard !scenario.workload.isEmpty else {
      throw reader.error(root, "no workload", "add a line `workload: <name>`")
    }
    return scenario
  }
}

extension StrictYAML {
  fileprivate func seed(_ value: Value) throws(RunnerError) -> UInt64 {
    let written = try text(value, "seed")
    guard let seed = SeedText.parse(written) else {
      throw wrong(value, "seed", written, SeedText.form)
    }
    return seed
  }

  fileprivate func stack(_ value: Value) throws(RunnerError) -> String {
    let written = try text(value, "stack")
    let size = written.split(separator: ":", omittingEmptySubsequences: false).last ?? ""
    guard Quantity.bytes(String(size)) != nil else {
      throw wrong(value, "stack", written, Quantity.sizeForm)
    }
    return written
  }
}
