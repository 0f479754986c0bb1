// What a worker says on its standard error: passed on as it comes, and read for how it ended.

import Foundation

/// A stack overflow, as a worker told it before it died of it.
public struct OverflowNote: Hashable, Sendable {
  /// What ran on the stack.
  public let name: String

  /// What kind of context it was, where it was made, how deep its calls were, on how many bytes.
  public let details: String

  /// The calls, innermost first, as places in the code; empty where they were not told.
  public var calls: [String]

  /// Makes one.
  public init(name: String, details: String, calls: [String] = []) {
    self.name = name
    self.details = details
    self.calls = calls
  }

  /// Reads the line that the engine's report writes.
  ///
  /// - Returns: nil for any other line.
  init?(line: String) {
    guard let (name, kind) = owner(line, after: "greenlets: stack overflow in \""),
      let about = kind.firstRange(of: "; its stack is ")
    else { return nil }
    let bytes = kind[about.upperBound...].firstMatch(of: /\((\d+) bytes\)/)?.1
    self.init(
      name: name, details: kind[..<about.lowerBound] + (bytes.map { ", on \($0) bytes" } ?? ""))
  }
}

/// What a worker said before it died.
public struct CrashNote: Hashable, Sendable {
  /// What ran when the signal came; nil where the worker did not say so.
  public var name: String?

  /// What kind of context it was, where it was made, what was touched.
  public var details: String?

  /// The calls, innermost first, as places in the code: what `addr2line` takes.
  public var calls: [String]

  /// What Swift's runtime said of a fatal error, or the last line before the report.
  public var lastWords: String?

  /// Makes one.
  public init(
    name: String? = nil, details: String? = nil, calls: [String] = [], lastWords: String? = nil
  ) {
    self.name = name
    self.details = details
    self.calls = calls
    self.lastWords = lastWords
  }

  /// Reads the first line of the engine's report.
  ///
  /// - Returns: nil for any other line.
  init?(line: String) {
    guard let number = line.prefixMatch(of: /greenlets: signal \d+ \(\w+\) in "/)?.output,
      let (name, kind) = owner(line, after: String(number)),
      let mend = kind.firstRange(of: "; look its calls up")
    else { return nil }
    self.init(name: name, details: String(kind[..<mend.lowerBound]))
  }
}

/// The name in quotes that follows a beginning, and what follows that one.
private func owner(_ line: String, after start: String) -> (name: String, kind: String)? {
  // Quotes in a name are written otherwise, so the first one ends it.
  guard line.hasPrefix(start), let end = line.dropFirst(start.count).firstRange(of: "\" (") else {
    return nil
  }
  let name = line.dropFirst(start.count)[..<end.lowerBound]
  return (String(name), "(" + line[end.upperBound...])
}

/// A worker's standard error.
struct Complaints {
  private static let linesMax = 20
  private static let bytesMax = 8192
  private static let callsMax = 80
  private static let saidMax = 100

  /// The last overflow that was told.
  private(set) var overflow: OverflowNote?

  /// The last crash of another kind.
  private var crash: CrashNote?

  /// The last lines that are no report.
  private(set) var tail: [String] = []

  /// The last lines of all, whatever was asked in between.
  private(set) var said: [String] = []

  /// What Swift's runtime said: a trace of any length may follow it.
  private var fatal: String?

  private var lastWords: String? { fatal ?? tail.last }

  /// Takes a line, and passes it on.
  mutating func take(_ line: String) {
    // Nobody may read our own standard error any more; the worker's end is told all the same.
    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
    let words = String(decoding: line.utf8.prefix(Self.bytesMax), as: UTF8.self)
    Self.keep(words, in: &said, linesMax: Self.saidMax)
    if let note = OverflowNote(line: line) {
      overflow = note
    } else if var note = CrashNote(line: line) {
      note.lastWords = lastWords
      crash = note
    } else if let call = line.wholeMatch(of: /greenlets: at (.+)/)?.1 {
      if crash != nil {
        if let count = crash?.calls.count, count < Self.callsMax {
          crash?.calls.append(String(call))
        }
      } else if let count = overflow?.calls.count, count < Self.callsMax {
        overflow?.calls.append(String(call))
      }
    } else if !line.allSatisfy(\.isWhitespace) {
      if words.contains("Fatal error") { fatal = words }
      Self.keep(words, in: &tail, linesMax: Self.linesMax)
    }
  }

  private static func keep(_ words: String, in lines: inout [String], linesMax: Int) {
    lines.append(words)
    // The last one stays: bytes that are no UTF-8 make it longer than it was.
    while lines.count > 1,
      lines.count > linesMax || lines.reduce(0, { $0 + $1.utf8.count }) > bytesMax
    {
      lines.removeFirst()
    }
  }

  /// Forgets what was said before a question: it has nothing to do with what comes of that.
  mutating func forget() {
    tail = []
    fatal = nil
  }

  /// All that is known of a death.
  var note: CrashNote { crash ?? CrashNote(lastWords: lastWords) }
}
