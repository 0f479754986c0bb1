// Where a command is told to write: looked at before the work, written after it.

import ArgumentParser
import Foundation
import Glibc

/// A file, a device, or - for standard output.
struct OutputFile {
  let path: String

  var isStandardOutput: Bool { path == "-" }

  /// Looks whether it could be written: the work takes longer than it is fun to lose.
  ///
  /// - Throws: `ValidationError` that says why not.
  func check() throws {
    if path.isEmpty { throw ValidationError("the name of an output is empty; name a file, or -") }
    if isStandardOutput { return }
    let target = target
    if let kind = Self.kind(of: target.path) {
      if kind == .typeDirectory { throw ValidationError("\(path) is a folder; name a file in it") }
      if kind == .typeRegular, try Self.isDatabase(target) {
        throw ValidationError("\(path) is an SQLite file; name another one for this output")
      }
      if FileManager.default.isWritableFile(atPath: target.path) { return }
    } else {
      let folder = target.deletingLastPathComponent().path
      if Self.kind(of: folder) == .typeDirectory, FileManager.default.isWritableFile(atPath: folder)
      {
        return
      }
    }
    throw ValidationError(
      "\(path) cannot be written; name a file that you may write, in a folder that is there")
  }

  /// Writes it: a file whole or not at all, anything else as it comes.
  ///
  /// - Throws: `OutputError` that says why not.
  func write(_ text: String) throws {
    let data = Data(text.utf8)
    do {
      if isStandardOutput { return try FileHandle.standardOutput.write(contentsOf: data) }
      let target = target
      if let kind = Self.kind(of: target.path), kind != .typeRegular {
        // A device or a pipe stays one.
        let handle = try FileHandle(forWritingTo: target)
        defer {
          // What was written has been handed over by then.
          try? handle.close()
        }
        return try handle.write(contentsOf: data)
      }
      // A file in somebody else's folder cannot be replaced, and is written over.
      let folder = target.deletingLastPathComponent().path
      let isOurs = FileManager.default.isWritableFile(atPath: folder)
      try data.write(to: target, options: isOurs ? .atomic : [])
    } catch {
      let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
      let code =
        cause.domain == NSPOSIXErrorDomain ? POSIXErrorCode(rawValue: Int32(cause.code)) : nil
      throw OutputError(
        path: isStandardOutput ? "standard output" : path,
        reason: code.map { "\($0)" } ?? "the system does not take it")
    }
  }

  /// Whether a slip of the keyboard would replace somebody's results.
  private static func isDatabase(_ file: URL) throws -> Bool {
    // What cannot be read is no store of this user's.
    guard let handle = try? FileHandle(forReadingFrom: file) else { return false }
    defer {
      // Nothing was written.
      try? handle.close()
    }
    return try handle.read(upToCount: 16) == Data("SQLite format 3\0".utf8)
  }

  /// What is there; nil where nothing is.
  static func kind(of path: String) -> FileAttributeType? {
    // What cannot be looked at cannot be written either, which shows in its turn.
    let facts = try? FileManager.default.attributesOfItem(atPath: path)
    return facts?[.type] as? FileAttributeType
  }

  /// What a link points at: the link stays.
  var target: URL {
    let file = URL(filePath: path)
    if Self.kind(of: file.path) != nil { return file.resolvingSymlinksInPath() }
    // Nothing is resolved of a path whose end is not there yet.
    return file.deletingLastPathComponent().resolvingSymlinksInPath()
      .appending(path: file.lastPathComponent)
  }
}

/// What was to be written could not be.
struct OutputError: ExitCoded, CustomStringConvertible {
  let path: String
  let reason: String

  var exitCode: Int32 { ExitCodes.internalError.rawValue }

  var description: String {
    "\(path) cannot be written: \(reason); name a file in a folder of yours that has room"
  }
}
