// Workers that lie, babble or stay silent: a script between the runner and a true worker.

import Foundation
import StressKit

/// Writes scripts that stand in a worker's place.
struct FalseWorkers {
  let folder: URL
  let program: String

  /// A true worker whose replies are changed by an expression of sed.
  func changing(_ name: String, _ expression: String) throws -> String {
    try script(name, "'\(program)' \"$@\" | sed -u '\(expression)'")
  }

  /// A true worker that is gone before it says a certain thing.
  func dying(_ name: String, at words: String) throws -> String {
    // A shell waits for all of a pipe: it is the shell that has to go.
    try script(name, "'\(program)' \"$@\" | { sed -u '/\(words)/Q'; kill -9 $$; }")
  }

  /// A script of its own.
  func script(_ name: String, _ line: String) throws -> String {
    let file = folder.appending(path: "\(name).sh")
    try Data("#!/bin/sh\n\(line)\n".utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: file.path)
    return file.path
  }
}
