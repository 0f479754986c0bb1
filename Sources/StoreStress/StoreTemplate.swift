// Stores that trials begin with: made once, then copied.

import Foundation
import ResultStore
import StressKit

/// A store with some content, as a file without a log.
struct StoreTemplate {
  let file: URL
  let before: StoreScript

  /// Far from the numbers of the scripts that come later.
  private static let base = 100_000

  /// Makes it in a folder.
  init(in folder: URL, steps: Int, seed: UInt64) throws {
    file = folder.appending(path: "template.sqlite")
    before = StoreScript(count: steps, seed: seed &+ 1, base: Self.base)
    let store = try ResultStore(path: file.path)
    var run = ScriptRun(before)
    run.all(on: store)
    guard run.errors == 0, try store.checkpoint() else {
      throw Finding(
        "a store could not be made: \(run.firstError.map { "\($0)" } ?? "a log is left")")
    }
  }

  /// Copies it; any store that was there is gone.
  func copy(to path: String) throws {
    try Self.remove(path)
    try FileManager.default.copyItem(atPath: file.path, toPath: path)
  }

  /// Removes a store with all that belongs to it.
  static func remove(_ path: String) throws {
    let manager = FileManager.default
    for file in ["", "-wal", "-shm", "-journal"].map({ path + $0 })
    where manager.fileExists(atPath: file) {
      try manager.removeItem(atPath: file)
    }
  }
}
