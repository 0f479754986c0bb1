// `greenbench version`: which program this is, and what it was built from.

import ArgumentParser
import BenchmarkRunner
import Foundation
import Reports

/// `greenbench version [--json]`.
struct VersionCommand: ParsableCommand {
  static let number = "0.1.0"

  /// The newest schema of the store that this program reads and writes.
  static let schema = 3

  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Tells the version of this program.")

  @Flag(help: "Print one JSON document.")
  var json = false

  private struct Document: Encodable {
    let name: String
    let version: String
    let commit: String
    let swift: String
    let schema: Int
  }

  func run() throws {
    let source = Stamp.source(of: ThisProgram.path)
    if json {
      print(
        try JSONDocument.text(
          Document(
            name: "greenbench", version: Self.number, commit: source.commit,
            swift: BuildFacts.swift, schema: Self.schema)))
    } else {
      let dirty = source.dirty ? ", changed since" : ""
      let origin = "commit \(source.commit)\(dirty), Swift \(BuildFacts.swift)"
      print("greenbench \(Self.number) (\(origin))")
    }
  }
}

/// The running executable.
enum ThisProgram {
  /// Its path with links resolved, so that a worker is the same file whatever the working folder.
  static var path: String {
    let link = "/proc/self/exe"
    // Without /proc the name it was called by is the best guess.
    return (try? FileManager.default.destinationOfSymbolicLink(atPath: link))
      ?? CommandLine.arguments.first ?? link
  }
}
