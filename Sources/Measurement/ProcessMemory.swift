// The process's memory as the kernel counts it.

#if canImport(Glibc)
  import Glibc
#endif

/// Sizes of this process, in bytes.
public struct ProcessMemory: Sendable {
  public var resident = 0
  public var proportional = 0
  public var pageTables = 0

  /// Count of mappings.
  public var mappings = 0

  /// Reads `/proc/self`.
  ///
  /// Exact, unlike the counters in `statm`, and slow: the kernel walks all pages.
  public static func now() -> ProcessMemory {
    var memory = ProcessMemory()
    memory.resident = kibibytes("Rss:", in: "/proc/self/smaps_rollup")
    memory.proportional = kibibytes("Pss:", in: "/proc/self/smaps_rollup")
    memory.pageTables = kibibytes("VmPTE:", in: "/proc/self/status")
    memory.mappings = lines(of: "/proc/self/maps").count
    return memory
  }

  private static func kibibytes(_ key: String, in path: String) -> Int {
    guard let line = lines(of: path).first(where: { $0.hasPrefix(key) }) else { return 0 }
    return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
  }

  private static func lines(of path: String) -> [Substring] {
    // SAFETY: a file of our own until it is closed below.
    guard let file = unsafe fopen(path, "re") else { return [] }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      // SAFETY: reads at most the chunk's bytes into it.
      let count = unsafe fread(&chunk, 1, chunk.count, file)
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
  }
}
