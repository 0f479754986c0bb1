// The rows of the greenlet rules: each is in the library's table, and each has a test that says so.

import Foundation
import Testing

struct RowsTests {
  /// The numbers of each letter, in the order of the table.
  static let numbers: KeyValuePairs<String, [Int]> = [
    "C": [Int](1...9) + [11],
    "S": [Int](1...16),
    "T": [1] + [Int](3...10),
    "D": [Int](1...11),
    "P": [1, 2] + [Int](4...11),
    "M": [Int](1...6) + [8, 9],
    "K": [Int](1...13),
    "G": [1, 3, 4],
    "H": [Int](1...6) + [Int](8...12),
    "R": [Int](1...6) + [9],
    "X": [Int](1...5),
    "F": [Int](1...3),
    "E": [Int](1...8),
    "B": [Int](1...3),
    "V": [Int](1...13),
  ]

  static let rows: [String] = numbers.flatMap { letter, numbers in
    numbers.map { "\(letter)\($0)" }
  }

  static let tablePath = "Sources/Greenlets/README.md"

  /// What the table says of each row: the functions of its third column.
  static let table: [(row: String, tests: [String])] = {
    let text = try? String(
      contentsOf: SourceFile.root.appending(path: tablePath), encoding: .utf8)
    return RowReader.table(of: text ?? "")
  }()

  /// The tests of the package that name their rows.
  static let tests: [RowReader.RowTest] =
    SourceFile.all.filter { $0.path.hasPrefix("Tests/") && $0.path.hasSuffix(".swift") }
    .flatMap { RowReader.tests(in: $0.lines) }

  @Test(arguments: rows)
  func aRowIsInTheTable(row: String) {
    let count = Self.table.count { $0.row == row }
    #expect(count == 1, "\(Self.tablePath): \(row) stands there \(count) times; make it one line")
  }

  @Test func theTableHasNoOtherRows() {
    let others = Set(Self.table.map(\.row)).subtracting(Self.rows).sorted()
    #expect(others.isEmpty, "\(Self.tablePath): take \(others) out, or add them to RowsTests")
  }

  @Test(arguments: rows)
  func aRowHasATest(row: String) {
    #expect(
      Self.tests.contains { $0.rows.contains(row) },
      "\(row): no test has a display name that begins with it; write one, then call scripts/rows")
  }

  @Test(arguments: rows)
  func theTableNamesTheTestsOfARow(row: String) {
    let named = Self.table.filter { $0.row == row }.flatMap(\.tests)
    #expect(!named.isEmpty, "\(Self.tablePath): \(row) names no test; call scripts/rows")
    for name in named {
      #expect(
        Self.tests.contains { $0.function == name && $0.rows.contains(row) },
        "\(Self.tablePath): \(name) is no test that carries \(row); call scripts/rows")
    }
  }

  // In two parts, or what follows would be read as tests of rows.
  private static let attribute = "@" + "Test"

  @Test func readsDisplayNamesAndTheirFunctions() {
    let text = """
        \(Self.attribute)("S7: a dead one stands for its ancestor") func walksUp() throws {
        // \(Self.attribute)("S8: a comment is no test") func isNot() {}
        \(Self.attribute)(
          "S2, S3: one value", arguments: [1, 2])
        @MainActor func takesOne(number: Int) {}
        \(Self.attribute)("rows of another kind: none") func other() {}
        \(Self.attribute) func plain() { let text = "S4: none" }
        \(Self.attribute)(arguments: ["S5: none"]) func list(text: String) {}
        \(Self.attribute)("V10: the last")
        func isTheLast() throws {}
      """
    let found = RowReader.tests(in: text.components(separatedBy: "\n"))
    #expect(
      found == [
        RowReader.RowTest(rows: ["S7"], function: "walksUp"),
        RowReader.RowTest(rows: ["S2", "S3"], function: "takesOne"),
        RowReader.RowTest(rows: ["V10"], function: "isTheLast"),
      ])
  }

  @Test func readsTheTable() {
    let text = """
      | row | rule | test |
      |---|---|---|
      | C1 | a rule | `one`, `the other` |
      | C2 | another | |
      """
    let found = RowReader.table(of: text)
    #expect(found.map(\.row) == ["C1", "C2"])
    #expect(found.map(\.tests) == [["one", "the other"], []])
  }
}

/// Reads rows out of tests and out of the table, as `scripts/rows` does.
enum RowReader {
  struct RowTest: Equatable {
    let rows: [String]
    let function: String
  }

  /// The tests whose display names begin with rows, before a colon.
  static func tests(in lines: [String]) -> [RowTest] {
    var found: [RowTest] = []
    var isOpen = false
    var rows: [String] = []
    for line in lines where line.prefixMatch(of: /\s*\/\//) == nil {
      var rest = line[...]
      if let attribute = rest.firstMatch(of: /@Test\(/) {
        rest = rest[attribute.range.upperBound...]
        isOpen = true
        rows = []
      }
      // The display name stands on the line of its attribute, or on the next.
      if isOpen, rest.contains(/\S/) {
        isOpen = false
        if let name = rest.prefixMatch(of: /\s*"([A-Z][0-9]+(?:, [A-Z][0-9]+)*):[ ]/) {
          rows = name.1.components(separatedBy: ", ")
        }
      }
      if !rows.isEmpty, let named = rest.firstMatch(of: /(?:^|\s)func +(\w+)/) {
        found.append(RowTest(rows: rows, function: String(named.1)))
        rows = []
      }
    }
    return found
  }

  /// The lines of a table whose first column is a row.
  static func table(of text: String) -> [(row: String, tests: [String])] {
    text.components(separatedBy: "\n").compactMap { line in
      guard let match = line.wholeMatch(of: /\| ([A-Z][0-9]+) \|[^|]*\|([^|]*)\|/) else {
        return nil
      }
      return (String(match.1), match.2.matches(of: /`([^`]+)`/).map { String($0.1) })
    }
  }
}
