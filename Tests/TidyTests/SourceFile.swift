// The files of the package, as TidyTests reads them.

import Foundation
import Testing

/// One source file: Swift, C or assembly.
struct SourceFile: CustomTestStringConvertible, Sendable {
  /// From the root of the package.
  let path: String
  let lines: [String]

  var testDescription: String { path }

  /// The folder under `Sources` or `Tests`.
  var target: String {
    let parts = path.split(separator: "/")
    return parts.count > 1 ? String(parts[1]) : path
  }

  /// The modules that a Swift file imports.
  var imports: [String] {
    guard path.hasSuffix(".swift") else { return [] }
    // Attributes, an access level, and perhaps the kind of the one thing imported.
    let words = /^\s*(?:@\w+(?:\(\w+\))? +)*(?:\w+ +)?import +(?:[a-z]+ +)?(\w+)/
    return lines.compactMap { $0.firstMatch(of: words).map { String($0.1) } }
  }

  /// The lines without comments and string literals.
  var code: String {
    guard path.hasSuffix(".swift") else { return "" }
    return lines.map { $0.replacing(/"[^"]*"/, with: "\"\"").replacing(/\/\/.*/, with: "") }
      .joined(separator: "\n")
  }

  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static let all: [SourceFile] = read("Package.swift") + ofTargets + files(under: "Tests")

  static let ofTargets: [SourceFile] = files(under: "Sources")

  /// The folders of `Sources`.
  static let targets: [String] = Set(ofTargets.map(\.target)).sorted()

  private static func files(under folder: String) -> [SourceFile] {
    let kinds: Set<String> = ["swift", "c", "h", "S"]
    let found = FileManager.default.enumerator(
      at: root.appending(path: folder), includingPropertiesForKeys: nil)
    return (found?.compactMap { $0 as? URL } ?? [])
      .filter { kinds.contains($0.pathExtension) }
      .map { String($0.path.dropFirst(root.path.count + 1)) }
      .sorted()
      .flatMap(read)
  }

  private static func read(_ path: String) -> [SourceFile] {
    // What is no text has no lines to look at.
    guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else {
      return []
    }
    var lines = text.components(separatedBy: "\n")
    if lines.last == "" { lines.removeLast() }
    return [SourceFile(path: path, lines: lines)]
  }
}
