// What the kernel tells of processes that a test has started, and of theirs.

import Foundation

enum ProcessFiles {
  /// A child that was called with this as its first argument; nil when there is none.
  static func child(of parent: Int32, calledWith word: String) -> Int32? {
    // One that is gone has no threads, and a thread that has just ended no children.
    let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(parent)/task")
    for thread in threads ?? [] {
      let children = try? String(
        contentsOfFile: "/proc/\(parent)/task/\(thread)/children", encoding: .utf8)
      for child in (children ?? "").split(separator: " ").compactMap({ Int32($0) })
      where words("cmdline", of: child).dropFirst().first == word { return child }
    }
    return nil
  }

  /// Waits for one.
  static func awaitChild(of parent: Int32, calledWith word: String) -> Int32? {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
      if let child = child(of: parent, calledWith: word) { return child }
      usleep(10_000)
    }
    return nil
  }

  /// Whether it is gone, or only waits for somebody to ask for its end, within 20 s.
  static func isGoneSoon(_ pid: Int32) -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
      // One that is gone has no file.
      let facts = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
      if facts?.contains("State:\tZ") != false { return true }
      usleep(10_000)
    }
    return false
  }

  /// What stands in one of its files that end each word with a zero.
  static func words(_ file: String, of pid: Int32) -> [String] {
    // One that is gone has no words.
    let bytes = (try? Data(contentsOf: URL(filePath: "/proc/\(pid)/\(file)"))) ?? Data()
    return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }
}
