// Text for terminals: aligned columns that fit the width, numbers with units, JSON documents.

import BenchmarkRunner
import FoundationEssentials
public import Reports

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The table of one session.
public enum ReportTable {
  /// The lines of a report: a title, a line a row, and a sentence for every row that failed.
  ///
  /// - Parameters:
  ///   - report: What was measured.
  ///   - width: Columns of the terminal; what does not fit is dropped or cut.
  ///   - colour: Whether to use ANSI colours.
  /// - Returns: Lines without a line feed at the end.
  public static func text(_ report: RunReport, width: Int, colour: Bool) -> String {
    let cuts = Cuts(report)
    var lines = [title(report, cuts)]
    if let sweep = Sweep(report) {
      lines += MemoryTable.lines(of: sweep, width: width)
    } else {
      lines += rows(report, cuts, width: width)
      lines += MemoryTable.lines(of: report, width: width)
    }
    for (index, row) in report.rows.enumerated() where row.status != .ok || row.failure != nil {
      let sentence = row.failure.map { ": \($0)" } ?? ""
      let line = "row \(index + 1), \(row.backend), \(row.status.rawValue)\(sentence)"
      lines.append(colour ? "\u{1B}[31m\(line)\u{1B}[0m" : line)
      lines += (row.backtrace ?? "").split(separator: "\n").map { "  at \($0)" }
    }
    return (lines + report.notes).joined(separator: "\n")
  }

  private static func rows(_ report: RunReport, _ cuts: Cuts, width: Int) -> [String] {
    var table = TextTable([
      "WORKLOAD", "BACKEND", "STACK", "P10", "P50", "P99", "vs first (95 % CI)", "B/greenlet",
      "verify", "grade",
    ])
    table.rightAligned = [3, 4, 5, 7]
    for row in report.rows { table.rows.append(cells(row)) }
    // Columns that say the same in every row go to the title.
    var hidden: Set<Int> = cuts.workload ? [] : [0]
    if !cuts.stack { hidden.insert(2) }
    return table.text(
      width: width, shrinking: [1, 0, 2], dropping: [5, 7, 2, 4], hiding: hidden
    )
    .split(separator: "\n").map(String.init)
  }

  private struct Cuts {
    /// Whether the rows differ in it.
    var workload: Bool
    var stack: Bool

    init(_ report: RunReport) {
      workload = Set(report.rows.map { ReportTable.workload($0) }).count > 1
      stack = Set(report.rows.map(\.stack)).count > 1
    }
  }

  private static func title(_ report: RunReport, _ cuts: Cuts) -> String {
    var words = ["session \(report.session.prefix(8))", "seed \(report.seed)"]
    if let row = report.rows.first {
      if let sweep = Sweep(report) {
        words.append(workload(row, except: sweep.parameter))
      } else if !cuts.workload {
        words.append(workload(row))
      }
      if !cuts.stack { words.append("stack \(row.stack)") }
    }
    if report.verdict != .ok { words.append(report.verdict.rawValue) }
    return words.joined(separator: "  ")
  }

  static func workload(_ row: Row, except omitted: String? = nil) -> String {
    let parameters = row.parameters.sorted { $0.key < $1.key }
      .filter { $0.key != omitted }.map { "\($0.key)=\($0.value)" }
    return ([row.workload] + parameters).joined(separator: " ")
  }

  private static func cells(_ row: Row) -> [String] {
    [
      workload(row), row.backend, row.stack, duration(row.p10), duration(row.p50),
      duration(row.p99), row.ratio.map(ratio) ?? "-", bytesPerGreenlet(row),
      row.checksum.map { "\(verified(row)) \($0.prefix(12))" } ?? verified(row),
      row.grade.rawValue,
    ]
  }

  static func verified(_ row: Row) -> String {
    row.verified ? "ok" : row.status == .ok ? "no" : row.status.rawValue
  }

  static func bytesPerGreenlet(_ row: Row) -> String {
    row.bytesPerGreenlet.map { grouped(Int($0.rounded())) } ?? "-"
  }

  /// A ratio with its interval, as in `22.06× [21.98, 22.15] slower`.
  static func ratio(_ ratio: Ratio) -> String {
    let side = ratio.low > 1 ? " slower" : ratio.high < 1 ? " faster" : ""
    let figures = [ratio.estimate, ratio.low, ratio.high].map { number($0, digits: 4) }
    return "\(figures[0])× [\(figures[1]), \(figures[2])]\(side)"
  }

  /// Nanoseconds with three significant digits and a unit, as in `9.61 ns`; a dash for nil.
  static func duration(_ nanoseconds: Double?) -> String {
    guard let nanoseconds else { return "-" }
    // What rounds to a thousand of a unit is one of the next.
    for (unit, size) in [("ns", 1.0), ("µs", 1e3), ("ms", 1e6)] where nanoseconds < 999.5 * size {
      return "\(number(nanoseconds / size)) \(unit)"
    }
    return "\(number(nanoseconds / 1e9)) s"
  }

  /// A number with three significant digits, and never with an exponent.
  static func number(_ value: Double, digits: Int = 3) -> String {
    guard value.isFinite else { return "\(value)" }
    guard value != 0 else { return "0" }
    var decimals = digits - 1 - Int(log10(abs(value)).rounded(.down))
    // 9.996 has three digits only as 10.0.
    if round(value, to: decimals).magnitude >= pow(10, Double(digits - decimals)) { decimals -= 1 }
    let rounded = round(value, to: decimals)
    guard decimals > 0 else { return "\(Int(clamping: rounded))" }
    let scaled = String(Int(clamping: (abs(value) * pow(10, Double(decimals))).rounded()))
    let padded = String(repeating: "0", count: max(0, decimals + 1 - scaled.count)) + scaled
    return (value < 0 ? "-" : "") + padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }

  /// A count with two significant digits, as in `3 200`.
  static func rounded(_ value: Double) -> String {
    guard value >= 1 else { return "1" }
    return grouped(Int(clamping: round(value, to: 1 - Int(log10(value).rounded(.down)))))
  }

  private static func round(_ value: Double, to decimals: Int) -> Double {
    let scale = pow(10, Double(decimals))
    return (value * scale).rounded() / scale
  }

  /// Thousands apart, as in `4 412`.
  static func grouped(_ number: Int) -> String {
    let digits = String(number.magnitude)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(" ") }
      text.append(digit)
    }
    return (number < 0 ? "-" : "") + text
  }
}

extension Int {
  fileprivate init(clamping value: Double) {
    self = Int(exactly: value.rounded()) ?? (value < 0 ? .min : .max)
  }
}

/// Columns of text, two spaces apart.
struct TextTable {
  var header: [String]
  var rows: [[String]] = []
  var rightAligned: Set<Int> = []

  init(_ header: [String]) { self.header = header }

  /// The lines of the table.
  ///
  /// - Parameters:
  ///   - width: Columns of the terminal.
  ///   - shrinking: Columns to cut when all that may be dropped is, each down to 8 characters.
  ///   - dropping: Columns to leave out, the first one first.
  ///   - hidden: Columns to leave out at any width.
  /// - Returns: Lines without spaces at their ends.
  func text(
    width: Int, shrinking: [Int], dropping: [Int], hiding hidden: Set<Int> = []
  ) -> String {
    var widths = header.indices.map { column in
      ([header] + rows).map { $0[column].count }.max() ?? 0
    }
    var shown = header.indices.filter { !hidden.contains($0) }
    // Two spaces before every column but the first.
    func excess() -> Int { shown.reduce(-2) { $0 + widths[$1] + 2 } - width }
    for column in dropping where excess() > 0 { shown.removeAll { $0 == column } }
    for column in shrinking where excess() > 0 && shown.contains(column) {
      widths[column] = max(min(8, widths[column]), widths[column] - excess())
    }
    let lines = ([header] + rows).map { cells in
      let line = shown.map { column in
        let cell = cut(cells[column], widths[column])
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return rightAligned.contains(column) ? space + cell : cell + space
      }.joined(separator: "  ")
      let end = line.lastIndex { $0 != " " }
      return end.map { String(line[...$0]) } ?? ""
    }
    return lines.joined(separator: "\n")
  }

  private func cut(_ cell: String, _ width: Int) -> String {
    // A line feed within a cell would break the table.
    let flat = String(cell.map { $0.isNewline ? " " : $0 })
    return flat.count <= width ? flat : String(flat.prefix(max(0, width - 1))) + "~"
  }
}

/// JSON for other programs: one document, keys sorted.
enum JSONDocument {
  /// One line, for streams of documents.
  static func line(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}

/// What standard output is connected to.
enum Terminal {
  /// Columns: the window's, or `COLUMNS`; without a limit when the output is no terminal.
  static var width: Int {
    guard isatty(STDOUT_FILENO) == 1 else { return .max }
    if let columns = ProcessInfo.processInfo.environment["COLUMNS"].flatMap({ Int($0) }),
      columns > 0
    {
      return columns
    }
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return 80
    }
    return Int(size.ws_col)
  }

  static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Only on a terminal, and only without `NO_COLOR`.
  static var hasColour: Bool {
    isatty(STDOUT_FILENO) == 1
      && (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
  }
}
