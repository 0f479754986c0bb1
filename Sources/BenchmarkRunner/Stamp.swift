// Which source the executable was built from, as the build wrote it down beside it.

import Foundation
public import Reports

/// Reads `<executable>.stamp`: lines of `key=value` with commit, dirty and branch.
public enum Stamp {
  /// Tells the source version of an executable.
  ///
  /// - Parameter executable: Path of the executable.
  /// - Returns: The version; "unknown" where nothing is written down.
  public static func source(of executable: String) -> SourceVersion {
    let facts = facts(of: executable)
    return SourceVersion(
      commit: facts["commit"] ?? unknown, dirty: ["true", "1", "yes"].contains(facts["dirty"]),
      branch: facts["branch"] ?? unknown, build: hash(ofFile: executable) ?? unknown)
  }

  /// Tells the commit of an executable, without reading the whole of it.
  public static func commit(of executable: String) -> String {
    facts(of: executable)["commit"] ?? unknown
  }

  private static let unknown = "unknown"

  private static func facts(of executable: String) -> [String: String] {
    // Without a stamp the version is unknown, which is not an error.
    let text = (try? String(contentsOfFile: executable + ".stamp", encoding: .utf8)) ?? ""
    var facts: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1)
      if parts.count == 2 {
        facts[parts[0].trimmingCharacters(in: .whitespaces)] =
          parts[1].trimmingCharacters(in: .whitespaces)
      }
    }
    return facts
  }

  /// Hashes a file, a piece at a time: an executable is as large as all else that a daemon keeps.
  static func hash(ofFile path: String) -> String? {
    // An executable that cannot be read back has no hash; its commit still says what it is.
    guard let file = FileHandle(forReadingAtPath: path) else { return nil }
    var hash = ContentHash()
    do {
      while let piece = try file.read(upToCount: pieceBytes), !piece.isEmpty { hash.add(piece) }
    } catch {
      return nil
    }
    return hash.text
  }

  /// A multiple of the words that are hashed.
  private static let pieceBytes = 1 << 18

  static func hash(of data: Data) -> String {
    var hash = ContentHash()
    hash.add(data)
    return hash.text
  }
}

/// 64-bit FNV-1a over little-endian words of eight, the rest byte by byte.
///
/// Words, since a debug build takes seconds to go through its own bytes one by one.
private struct ContentHash {
  private var hash: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Adds bytes; all pieces but the last have a multiple of eight.
  mutating func add(_ data: Data) {
    let words = data.count / 8
    var hash = hash
    unsafe data.withUnsafeBytes { bytes in
      for index in 0..<words {
        // SAFETY: the word lies within the data, as its index does.
        let word = unsafe bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
        hash = (hash ^ UInt64(littleEndian: word)) &* 0x0000_0100_0000_01B3
        hash ^= hash >> 32
      }
    }
    for byte in data.dropFirst(words * 8) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    self.hash = hash
  }

  var text: String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
