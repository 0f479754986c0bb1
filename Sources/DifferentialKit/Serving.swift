// Answers programs with traces, a line each, as scripts/differential.py does over CPython.

import Foundation

/// What one side made of a program.
public struct Answer: Hashable, Sendable {
  /// The rows of the known differences that were met.
  public let known: Set<String>
  public let trace: [String]

  public init(known: Set<String> = [], trace: [String]) {
    self.known = known
    self.trace = trace
  }

  /// Reads "rows|line;line".
  public init(line: String) {
    let parts = line.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
    known = Set(parts[0].split(separator: ",").map(String.init))
    trace = parts.dropFirst().joined().split(separator: ";").map(String.init)
  }

  public var line: String {
    known.sorted().joined(separator: ",") + "|" + trace.joined(separator: ";")
  }
}

/// The Swift side of the protocol.
public enum Server {
  /// Answers the programs on standard input until it ends; an empty line asks for the answers.
  public static func serve() throws {
    let far = FarThread()
    var answers = ""
    while let line = readLine() {
      if line.isEmpty {
        try FileHandle.standardOutput.write(contentsOf: Data(answers.utf8))
        answers = ""
      } else {
        answers += Answer(trace: Machine.run(try Program(text: line), far: far)).line + "\n"
      }
    }
  }
}
