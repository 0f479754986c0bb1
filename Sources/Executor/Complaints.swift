// What a worker says on its standard error: passed on as it comes, and read for an overflow.

import Foundation

/// A stack overflow, as a worker told it before it died of it.
public struct OverflowNote: Hashable, Sendable {
  /// What ran on the stack.
  public let name: String

  /// What kind of context it was, where it was made, how deep its calls were, on how many bytes.
  public let details: String

  /// Makes one.
  public init(name: String, details: String) {
    self.name = name
    self.details = details
  }

  /// Reads the line that the engine's report writes.
  ///
  /// - Returns: nil for any other line.
  init?(line: String) {
    let quote = "\" ("
    // Quotes in a name are written otherwise, so the first one ends it.
    guard let start = line.firstRange(of: "greenlets: stack overflow in \""),
      start.lowerBound == line.startIndex,
      let end = line[start.upperBound...].firstRange(of: quote),
      let about = line[end.upperBound...].firstRange(of: "; its stack is ")
    else { return nil }
    let bytes = line[about.upperBound...].firstMatch(of: /\((\d+) bytes\)/)?.1
    name = String(line[start.upperBound..<end.lowerBound])
    details =
      "(" + String(line[end.upperBound..<about.lowerBound])
      + (bytes.map { ", on \($0) bytes" } ?? "")
  }
}

/// A worker's standard error.
struct Complaints {
  /// The last overflow that was told.
  private(set) var overflow: OverflowNote?

  /// Takes a line, and passes it on.
  mutating func take(_ line: String) {
    // Nobody may read our own standard error any more; the worker's end is told all the same.
    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
    overflow = OverflowNote(line: line) ?? overflow
  }
}
