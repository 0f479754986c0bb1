// Scenario files by name: `@backends` is `backends.yaml` in one of the folders for such files.

import ArgumentParser
import Foundation

/// No file belongs to a name.
struct UnknownScenario: ExitCoded, CustomStringConvertible {
  var name: String
  var known: [String]
  var exitCode: Int32 { ExitCodes.notFound.rawValue }

  var description: String {
    let choice =
      known.isEmpty
      ? "write \(NamedScenario.userFolder)/NAME.yaml"
      : "there are \(known.map { "@\($0)" }.joined(separator: ", "))"
    return "no scenario \(name); \(choice)"
  }
}

/// Finds scenario files.
enum NamedScenario {
  /// The file of a name that begins with `@`: the first one of the folders.
  ///
  /// - Throws: `UnknownScenario` with the names that there are; `ValidationError` for what is no
  ///   name, so that no name leaves the folders.
  static func path(of name: String) throws -> String {
    let bare = name.dropFirst()
    guard !bare.isEmpty, bare.first != ".",
      bare.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) })
    else {
      throw ValidationError("\"\(name)\" is no name; write letters, digits and -, as in @backends")
    }
    for folder in folders {
      let path = "\(folder)/\(bare).yaml"
      if FileManager.default.fileExists(atPath: path) { return path }
    }
    throw UnknownScenario(name: name, known: known)
  }

  /// Where the user keeps files of his own.
  static var userFolder: String {
    let environment = ProcessInfo.processInfo.environment
    // The XDG specification: a relative path is to be ignored.
    let base =
      environment["XDG_CONFIG_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
      ?? "\(environment["HOME"] ?? ".")/.config"
    return "\(base)/greenbench/workloads"
  }

  /// In the order in which they are looked at.
  static var folders: [String] {
    ["workloads", userFolder] + (packageFolder.map { [$0] } ?? [])
  }

  /// The folder `workloads` of the package that the executable was built in.
  private static var packageFolder: String? {
    var folder = URL(filePath: ThisProgram.path).deletingLastPathComponent()
    while folder.path != "/" {
      let found = folder.appending(path: "workloads").path
      if !names(in: found).isEmpty { return found }
      folder.deleteLastPathComponent()
    }
    return nil
  }

  private static var known: [String] { Set(folders.flatMap(names)).sorted() }

  private static func names(in folder: String) -> [String] {
    // A folder that is not there has no files.
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(".yaml".count)) }
  }
}
