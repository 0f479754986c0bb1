// The text of programs: words and braces, on one line for the interpreters, on many for readers.

/// Why a text is no program.
public struct ProgramTextError: Error, CustomStringConvertible {
  public let description: String
}

extension Program {
  /// Reads a program; line breaks mean nothing, and a line that begins with # is a comment.
  public init(text: String) throws(ProgramTextError) {
    let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }
    var reader = WordReader(words: lines.flatMap { $0.split(separator: " ") }.map(String.init))
    bodies = []
    while let name = reader.words.popFirst() {
      try reader.expect("{")
      bodies.append(Body(name: name, statements: try reader.block()))
    }
    guard bodies.contains(where: { $0.name == "main" }) else {
      throw ProgramTextError(description: "the program has no body called main; add one")
    }
  }

  /// The program on one line.
  public var line: String {
    bodies.map { "\($0.name) { \($0.statements.words) }" }.joined(separator: " ")
  }

  /// The program with a line for each statement.
  public var text: String {
    bodies.map { "\($0.name) {\n\($0.statements.lines(indent: "  "))}\n" }.joined()
  }
}

extension [Statement] {
  var words: String { map(\.words).joined(separator: " ") }

  func lines(indent: String) -> String {
    map { statement in
      let deeper = indent + "  "
      return switch statement {
      case .operation(let operation): "\(indent)\(operation.words)\n"
      case .loop(let times, let body):
        "\(indent)loop \(times) {\n\(body.lines(indent: deeper))\(indent)}\n"
      case .attempt(let body, let kind, let handler):
        "\(indent)try {\n\(body.lines(indent: deeper))\(indent)} \(kind.rawValue) {\n"
          + "\(handler.lines(indent: deeper))\(indent)}\n"
      case .finally(let body, let cleanup):
        "\(indent)finally {\n\(body.lines(indent: deeper))\(indent)} {\n"
          + "\(cleanup.lines(indent: deeper))\(indent)}\n"
      }
    }.joined()
  }
}

extension Statement {
  var words: String {
    switch self {
    case .operation(let operation): operation.words
    case .loop(let times, let body): "loop \(times) { \(body.words) }"
    case .attempt(let body, let kind, let handler):
      "try { \(body.words) } \(kind.rawValue) { \(handler.words) }"
    case .finally(let body, let cleanup): "finally { \(body.words) } { \(cleanup.words) }"
    }
  }
}

extension Operation {
  /// As it is written in a program and in a trace.
  var words: String {
    var words = verb.rawValue
    for argument in verb.signature {
      words += " "
      switch argument {
      case .slot: words += "\(slot)"
      case .other, .parent: words += other.map { "\($0)" } ?? "-"
      case .body: words += body
      case .value: words += value.word
      case .fault: words += fault
      }
    }
    return words
  }
}

extension Value {
  var word: String {
    switch self {
    case .none: "n"
    case .int(let number): "i\(number)"
    case .text(let text): "s\(text)"
    case .tuple(let numbers): "t" + Self.list(numbers)
    case .several(let numbers): "m" + Self.list(numbers)
    }
  }

  static func list(_ numbers: [Int]) -> String {
    numbers.map { "\($0)" }.joined(separator: ",")
  }

  init?(word: String) {
    let rest = word.dropFirst()
    let numbers = rest.split(separator: ",").compactMap { Int($0) }
    switch (word.first, numbers.count) {
    case ("n", 0): self = .none
    case ("i", 1): self = .int(numbers[0])
    case ("s", _): self = .text(String(rest))
    case ("t", 1...): self = .tuple(numbers)
    case ("m", 2...): self = .several(numbers)
    default: return nil
    }
  }
}

/// Takes a program apart.
private struct WordReader {
  var words: ArraySlice<String>

  init(words: [String]) { self.words = words[...] }

  mutating func expect(_ word: String) throws(ProgramTextError) {
    let found = try next()
    guard found == word else {
      throw ProgramTextError(description: "\"\(found)\" stands where \"\(word)\" belongs")
    }
  }

  mutating func next() throws(ProgramTextError) -> String {
    guard let word = words.popFirst() else {
      throw ProgramTextError(description: "the program ends within a block; close its braces")
    }
    return word
  }

  /// The statements up to the closing brace.
  mutating func block() throws(ProgramTextError) -> [Statement] {
    var statements: [Statement] = []
    while true {
      let word = try next()
      switch word {
      case "}": return statements
      case "loop":
        let times = try number(in: 0...1_000)
        try expect("{")
        statements.append(.loop(times: times, try block()))
      case "try":
        try expect("{")
        let body = try block()
        let kind = try next()
        guard let kind = Catch(rawValue: kind) else {
          throw ProgramTextError(
            description: "\"\(kind)\" is no kind of catch; use exit, error, all")
        }
        try expect("{")
        statements.append(.attempt(body, catching: kind, handler: try block()))
      case "finally":
        try expect("{")
        let body = try block()
        try expect("{")
        statements.append(.finally(body, cleanup: try block()))
      default: statements.append(.operation(try operation(word)))
      }
    }
  }

  mutating func operation(_ word: String) throws(ProgramTextError) -> Operation {
    guard let verb = Verb(rawValue: word) else {
      throw ProgramTextError(description: "\"\(word)\" is no operation")
    }
    var operation = Operation(verb)
    for argument in verb.signature {
      switch argument {
      case .slot: operation.slot = try number(in: 0...Program.slots - 1)
      case .other: operation.other = try number(in: 0...Program.slots - 1)
      case .parent where words.first == "-": _ = words.popFirst()
      case .parent: operation.other = try number(in: 0...Program.slots - 1)
      case .body: operation.body = try next()
      case .fault:
        operation.fault = try next()
        guard operation.fault.wholeMatch(of: /[exy]\d/) != nil else {
          throw ProgramTextError(
            description: "\"\(operation.fault)\" is no error; use e1, x1 or y1")
        }
      case .value:
        let word = try next()
        guard let value = Value(word: word) else {
          throw ProgramTextError(
            description: "\"\(word)\" is no value; use n, i1, sab, t1,2 or m1,2")
        }
        operation.value = value
      }
    }
    return operation
  }

  mutating func number(in range: ClosedRange<Int>) throws(ProgramTextError) -> Int {
    let word = try next()
    guard let number = Int(word), range.contains(number) else {
      throw ProgramTextError(description: "\"\(word)\" is no number of \(range)")
    }
    return number
  }
}
