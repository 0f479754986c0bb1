// YAML read strictly: every complaint has its line and column, and nothing is guessed.

import Yams

/// Takes values out of a YAML text, and knows where they stand.
public struct StrictYAML: Sendable {
  /// The file's name, for complaints.
  public let file: String

  /// A value, and its place in the text.
  public struct Value {
    fileprivate let node: Node
  }

  public init(file: String) { self.file = file }

  /// The one value of a text; nil when there is nothing but comments.
  public func value(of text: String) throws(RunnerError) -> Value? {
    do {
      guard let node = try Yams.compose(yaml: text) else { return nil }
      // A document that begins, and has nothing in it.
      if case .scalar(let scalar) = node, scalar.style == .plain, scalar.string.isEmpty {
        return nil
      }
      return Value(node: node)
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
  public func entries(
    of value: Value, _ what: String, keys: [String]?
  ) throws(RunnerError) -> [(name: String, key: Value, value: Value)] {
    guard case .mapping(let mapping) = value.node else {
      throw error(value, "\(what) is no mapping", "write `key: value` lines")
    }
    var found: [(name: String, key: Value, value: Value)] = []
    for (keyNode, node) in mapping {
      let key = Value(node: keyNode)
      let name = try text(key, "a key")
      if let keys, !keys.contains(name) { throw unknown(key, name, among: keys) }
      if found.contains(where: { $0.name == name }) {
        throw error(key, "key \(name) stands there twice", "remove one")
      }
      found.append((name, key, Value(node: node)))
    }
    return found
  }

  /// The elements of a list, or one value as a list of one.
  public func list<Element>(
    _ value: Value, _ what: String, _ take: (Value) throws(RunnerError) -> Element
  ) throws(RunnerError) -> [Element] {
    guard case .sequence(let nodes) = value.node else { return [try take(value)] }
    guard !nodes.isEmpty else { throw error(value, "\(what) is empty", "name one or more") }
    var taken: [Element] = []
    for node in nodes { taken.append(try take(Value(node: node))) }
    return taken
  }

  /// Throws when a list says one thing twice.
  public func refuseRepeats(
    _ values: [String], _ value: Value, _ what: String
  ) throws(RunnerError) {
    if Set(values).count < values.count {
      throw error(value, "\(what) names one thing twice", "remove one")
    }
  }

  /// A text that is not empty.
  public func text(_ value: Value, _ what: String) throws(RunnerError) -> String {
    guard case .scalar(let scalar) = value.node, !scalar.string.isEmpty else {
      throw error(value, "\(what) is no plain word", "write one word")
    }
    return scalar.string
  }

  /// A whole number within a range, not in quotes.
  public func integer(
    _ value: Value, _ what: String, _ range: ClosedRange<Int>
  ) throws(RunnerError) -> Int {
    let written = try unquoted(value, what)
    guard let number = Quantity.integer(written) else {
      throw wrong(value, what, written, Quantity.integerForm)
    }
    guard range.contains(number) else {
      throw error(
        value, "\(what) is \(number)", "choose from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A decimal number within a range, not in quotes.
  public func number(
    _ value: Value, _ what: String, _ range: ClosedRange<Int>
  ) throws(RunnerError) -> Double {
    let written = try unquoted(value, what)
    guard let number = Quantity.decimal(written) else {
      throw wrong(value, what, written, Quantity.decimalForm)
    }
    guard (Double(range.lowerBound)...Double(range.upperBound)).contains(number) else {
      throw error(
        value, "\(what) is \(written)", "choose from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A time of some seconds, minutes or hours within a range of seconds.
  public func seconds(
    _ value: Value, _ what: String, _ range: ClosedRange<Int>
  ) throws(RunnerError) -> Int {
    let written = try text(value, what)
    guard let seconds = Quantity.seconds(written) else {
      throw wrong(value, what, written, Quantity.secondsForm)
    }
    guard range.contains(seconds) else {
      throw error(
        value, "\(what) is \(written)",
        "choose from \(range.lowerBound)s to \(range.upperBound)s")
    }
    return seconds
  }

  private func unquoted(_ value: Value, _ what: String) throws(RunnerError) -> String {
    let written = try text(value, what)
    guard case .scalar(let scalar) = value.node, [.plain, .any].contains(scalar.style) else {
      throw error(value, "\(what) is a text in quotes", "take the quotes away")
    }
    return written
  }

  /// A key that is none of those that may be.
  public func unknown(_ key: Value, _ name: String, among keys: [String]) -> RunnerError {
    let mend =
      Nearest.name(to: name, among: keys).map { "did you mean \($0)?" }
      ?? "keys are \(keys.joined(separator: ", "))"
    return error(key, "unknown key \(name)", mend)
  }

  /// A value that is not written as it has to be.
  public func wrong(
    _ value: Value, _ what: String, _ written: String, _ form: String
  ) -> RunnerError {
    error(value, "\(what) is `\(written)`", "write \(form)")
  }

  /// Something wrong at a value; at the beginning of the text where there is none.
  public func error(_ value: Value?, _ fact: String, _ mend: String) -> RunnerError {
    place(value?.node.mark?.line ?? 1, value?.node.mark?.column ?? 1, fact, mend)
  }

  private func place(_ line: Int, _ column: Int, _ fact: String, _ mend: String) -> RunnerError {
    .badFile(file: file, line: line, column: column, fact: fact, mend: mend)
  }
}
