// Stack strategies by name: which source, and how many usable bytes.

import Reports
import Stacks

#if GB_JEMALLOC
  import JemallocStacks
#endif

/// A source and a size, as people write them: `64KiB`, `mapped:64KiB`, `jemalloc-shared:1MiB`.
struct StackChoice {
  let source: String
  let size: ByteCount

  /// Sources of this build, the standard one first.
  static var sources: [String] {
    #if GB_JEMALLOC
      ArenaChoice.allCases.map(\.rawValue) + [MappedStackSource.name]
    #else
      [MappedStackSource.name]
    #endif
  }

  static let least = ByteCount.kibibytes(16)
  static let most = ByteCount.mebibytes(64)

  init(parsing text: String) throws(ExecutorFault) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let source = parts.count == 2 ? String(parts[0]) : Self.sources[0]
    guard Self.sources.contains(source) else {
      throw ExecutorFault(
        .badStack,
        "unknown stack source \"\(source)\"; this build has \(Self.sources.joined(separator: ", "))"
      )
    }
    guard let size = ByteCount(parsing: parts.last ?? "") else {
      throw ExecutorFault(
        .badStack, "\"\(text)\" is no stack size; write it as 64KiB, 1MiB or mapped:64KiB")
    }
    guard size >= Self.least, size <= Self.most else {
      throw ExecutorFault(
        .badStack,
        "a stack of \(size) is out of range; choose \(Self.least) to \(Self.most)")
    }
    (self.source, self.size) = (source, size)
  }

  var description: String { "\(source):\(size)" }

  func makePool() throws -> StackPool {
    StackPool(source: try makeSource(), stackSize: size)
  }

  /// A pool that knows how deep its stacks were used.
  func makeMeasuredPool() throws -> StackPool {
    var options = StackPoolOptions()
    options.measuresDepth = true
    return StackPool(source: try makeSource(), stackSize: size, options: options)
  }

  private func makeSource() throws -> any StackSource {
    #if GB_JEMALLOC
      if let choice = ArenaChoice(rawValue: source) { return try JemallocStackSource(choice) }
    #endif
    return MappedStackSource()
  }
}
