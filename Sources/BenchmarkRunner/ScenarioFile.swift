// Scenario files: YAML, read strictly, every complaint with its line and column.

import Foundation
public import Reports
import Yams

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
    let reader = Reader(file: file)
    let root = try reader.compose(text)
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

/// Takes values out of YAML nodes, and knows where they stand.
private struct Reader {
  let file: String

  func compose(_ text: String) throws(RunnerError) -> Node {
    do {
      guard let root = try Yams.compose(yaml: text) else {
        throw place(1, 1, "the file is empty", "add a line `workload: <name>`")
      }
      return root
    } catch let error as RunnerError {
      throw error
    } catch let error as YamlError {
      throw complaint(error)
    } catch {
      throw place(1, 1, "not YAML: \(error)", "correct the syntax")
    }
  }

  private func complaint(_ error: YamlError) -> RunnerError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      place(mark.line, mark.column, problem, "correct the syntax")
    case .duplicatedKeysInMapping(let names, let context):
      place(
        context.mark.line, context.mark.column,
        "key \(names.first ?? "") stands there twice", "remove one")
    default: place(1, 1, "not YAML", "save it as UTF-8 text in YAML syntax")
    }
  }

  /// Keys and values of a mapping; with `keys`, no other ones.
  func entries(
    of node: Node, _ what: String, keys: [String]?
  ) throws(RunnerError) -> [(name: String, key: Node, value: Node)] {
    guard case .mapping(let mapping) = node else {
      throw error(node, "\(what) is no mapping", "write `key: value` lines")
    }
    var found: [(name: String, key: Node, value: Node)] = []
    for (key, value) in mapping {
      let name = try text(key, "a key")
      if let keys, !keys.contains(name) { throw unknown(key, name, among: keys) }
      if found.contains(where: { $0.name == name }) {
        throw error(key, "key \(name) stands there twice", "remove one")
      }
      found.append((name, key, value))
    }
    return found
  }

  /// The elements of a list, or one value as a list of one.
  func list<Element>(
    _ node: Node, _ what: String, _ take: (Node) throws(RunnerError) -> Element
  ) throws(RunnerError) -> [Element] {
    guard case .sequence(let nodes) = node else { return [try take(node)] }
    guard !nodes.isEmpty else { throw error(node, "\(what) is empty", "name one or more") }
    var taken: [Element] = []
    for node in nodes { taken.append(try take(node)) }
    return taken
  }

  func refuseRepeats(_ values: [String], _ node: Node, _ what: String) throws(RunnerError) {
    if Set(values).count < values.count {
      throw error(node, "\(what) names one thing twice", "remove one")
    }
  }

  func text(_ node: Node, _ what: String) throws(RunnerError) -> String {
    guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
      throw error(node, "\(what) is no plain word", "write one word")
    }
    return scalar.string
  }

  func integer(
    _ node: Node, _ what: String, _ range: ClosedRange<Int>
  ) throws(RunnerError) -> Int {
    let written = try text(node, what)
    guard case .scalar(let scalar) = node, [.plain, .any].contains(scalar.style) else {
      throw error(node, "\(what) is a text in quotes", "take the quotes away")
    }
    guard let value = Quantity.integer(written) else {
      throw wrong(node, what, written, Quantity.integerForm)
    }
    guard range.contains(value) else {
      throw error(
        node, "\(what) is \(value)", "choose from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  func seed(_ node: Node) throws(RunnerError) -> UInt64 {
    let written = try text(node, "seed")
    guard let seed = SeedText.parse(written) else {
      throw wrong(node, "seed", written, SeedText.form)
    }
    return seed
  }

  func stack(_ node: Node) throws(RunnerError) -> String {
    let written = try text(node, "stack")
    let size = written.split(separator: ":", omittingEmptySubsequences: false).last ?? ""
    guard Quantity.bytes(String(size)) != nil else {
      throw wrong(node, "stack", written, Quantity.sizeForm)
    }
    return written
  }

  func unknown(_ key: Node, _ name: String, among keys: [String]) -> RunnerError {
    let mend =
      Nearest.name(to: name, among: keys).map { "did you mean \($0)?" }
      ?? "keys are \(keys.joined(separator: ", "))"
    return error(key, "unknown key \(name)", mend)
  }

  func wrong(_ node: Node, _ what: String, _ written: String, _ form: String) -> RunnerError {
    error(node, "\(what) is `\(written)`", "write \(form)")
  }

  func error(_ node: Node, _ fact: String, _ mend: String) -> RunnerError {
    place(node.mark?.line ?? 1, node.mark?.column ?? 1, fact, mend)
  }

  private func place(_ line: Int, _ column: Int, _ fact: String, _ mend: String) -> RunnerError {
    .badScenario(file: file, line: line, column: column, fact: fact, mend: mend)
  }
}
