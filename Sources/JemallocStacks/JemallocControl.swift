// jemalloc's controls and statistics, by number: names are parsed once.

import CJemalloc

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// One control of jemalloc, of one arena or of all of them.
struct JemallocControl: Sendable {
  let name: String
  // jemalloc's names have at most seven parts.
  private let parts: InlineArray<8, Int>
  private let count: Int
  private let failure: Int32

  /// Where in the name the index of an arena stands; nil when it has none.
  private let arenaPart: Int?

  /// Looks a control up; one that this jemalloc lacks fails when it is used.
  ///
  /// - Parameter name: With 0 for the index of the arena, if there is one.
  init(_ name: String) {
    self.name = name
    arenaPart = name.split(separator: ".").firstIndex(of: "0")
    var (parts, count) = (InlineArray<8, Int>(repeating: 0), 8)
    var words = parts.mutableSpan
    // SAFETY: jemalloc writes at most `count` words, and how many there are.
    failure = unsafe words.withUnsafeMutableBufferPointer { words in
      unsafe mallctlnametomib(name, words.baseAddress, &count)
    }
    (self.parts, self.count) = (parts, count)
  }

  /// Does what has no argument.
  func run(arena: UInt32? = nil) throws(JemallocError) {
    try unsafe call(arena: arena, old: nil, oldSize: nil, new: nil, newSize: 0)
  }

  /// Reads a value of the control's own type.
  func read<Value: BitwiseCopyable>(
    arena: UInt32? = nil, initial: Value
  ) throws(JemallocError) -> Value {
    var value = initial
    var size = MemoryLayout<Value>.size
    // SAFETY: jemalloc refuses a size that is not that of the control's type.
    try unsafe call(arena: arena, old: &value, oldSize: &size, new: nil, newSize: 0)
    return value
  }

  /// Writes a value of the control's own type.
  func write<Value: BitwiseCopyable>(
    _ value: Value, arena: UInt32? = nil
  ) throws(JemallocError) {
    var value = value
    // SAFETY: as above.
    try unsafe call(
      arena: arena, old: nil, oldSize: nil, new: &value, newSize: MemoryLayout<Value>.size)
  }

  private func call(
    arena: UInt32?, old: UnsafeMutableRawPointer?, oldSize: UnsafeMutablePointer<Int>?,
    new: UnsafeMutableRawPointer?, newSize: Int
  ) throws(JemallocError) {
    var (words, result) = (parts, failure)
    if let arena, let arenaPart { words[arenaPart] = Int(arena) }
    if result == 0 {
      // SAFETY: the first `count` words are the control's; the caller answers for the values.
      result = unsafe words.span.withUnsafeBufferPointer { words in
        unsafe mallctlbymib(words.baseAddress, count, old, oldSize, new, newSize)
      }
    }
    guard result == 0 else { throw .controlFailed(control: name, errno: result) }
  }
}

extension JemallocControl {
  /// The index that stands for all arenas.
  static let allArenas = gb_all_arenas()

  static let epoch = JemallocControl("epoch")
  static let arenaCount = JemallocControl("arenas.narenas")
  static let pageSize = JemallocControl("arenas.page")

  static let purge = JemallocControl("arena.0.purge")
  static let decay = JemallocControl("arena.0.decay")
  static let destroy = JemallocControl("arena.0.destroy")
  static let dirtyDecay = JemallocControl("arena.0.dirty_decay_ms")
  static let muzzyDecay = JemallocControl("arena.0.muzzy_decay_ms")
  static let standardDirtyDecay = JemallocControl("arenas.dirty_decay_ms")
  static let standardMuzzyDecay = JemallocControl("arenas.muzzy_decay_ms")
  static let oversizeThreshold = JemallocControl("arena.0.oversize_threshold")
  static let growthLimit = JemallocControl("arena.0.retain_grow_limit")

  static let smallAllocated = JemallocControl("stats.arenas.0.small.allocated")
  static let largeAllocated = JemallocControl("stats.arenas.0.large.allocated")
  static let activePages = JemallocControl("stats.arenas.0.pactive")
  static let dirtyPages = JemallocControl("stats.arenas.0.pdirty")
  static let muzzyPages = JemallocControl("stats.arenas.0.pmuzzy")
  static let resident = JemallocControl("stats.arenas.0.resident")
  static let retained = JemallocControl("stats.arenas.0.retained")
  static let mapped = JemallocControl("stats.arenas.0.mapped")
  static let baseMetadata = JemallocControl("stats.arenas.0.base")
  static let internalMetadata = JemallocControl("stats.arenas.0.internal")
}
