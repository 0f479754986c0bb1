// What a pool's stacks can tell: how deep they were used, and how many there are.

import Reports
import Stacks

#if canImport(Glibc)
  import Glibc
#endif

/// Tells of the stacks of one pool.
///
/// A source whose pool counts by itself needs no watch around it: it conforms in its own way.
protocol StackTelemetry {
  /// The bytes in use at the deepest; nil where nobody knows.
  func highWater() -> HighWater?

  func counters(of pool: StackPool) -> PoolCounters
}

/// Bytes of stack in use at the deepest.
struct HighWater: Hashable {
  /// Of the stack that was used most, and of the median one.
  var most: Int
  var median: Int
}

/// A source around another one, that remembers the first stacks and finds out how deep they were used.
///
/// Their memory is made zero where it was not: a word that is not zero was written by whoever ran
/// there. A page that was never touched is not looked into, or looking would make it resident.
@safe final class StackWatch: StackSource, StackTelemetry, @unchecked Sendable {
  // SAFETY (@unchecked Sendable): a worker has one thread; it makes, asks and destroys there.

  static var name: String { "watched" }

  /// More than these say nothing new, and looking at them takes time.
  private static let watchedMost = 4096

  private let source: any StackSource
  private var made = 0

  /// Usable bytes by the address of the lowest one.
  private var watched: [UInt: Int] = [:]

  init(_ source: any StackSource) {
    self.source = source
    // All pages of the table are touched now, so that they are not counted as the stacks' memory.
    for number in 0..<Self.watchedMost { watched[UInt(number)] = 0 }
    watched.removeAll(keepingCapacity: true)
  }

  func makeStack(usableSize: ByteCount) throws(StackError) -> Stack {
    let stack = try source.makeStack(usableSize: usableSize)
    made += 1
    if watched.count < Self.watchedMost {
      // SAFETY: the stack is new and nobody's yet: all below its head may be changed.
      unsafe Self.clear(from: stack.lowest, upTo: stack.top)
      watched[unsafe UInt(bitPattern: stack.lowest)] = stack.usableSize.bytes
    }
    return stack
  }

  func destroy(_ stack: consuming Stack) {
    watched[unsafe UInt(bitPattern: stack.lowest)] = nil
    source.destroy(stack)
  }

  func counters(of pool: StackPool) -> PoolCounters {
    let idle = pool.idleCount
    return PoolCounters(made: made, lent: pool.lentCount, idle: idle)
  }

  func highWater() -> HighWater? {
    let depths = watched.compactMap { lowest, size in Self.depth(lowest: lowest, size: size) }
      .sorted()
    guard let most = depths.last else { return nil }
    return HighWater(most: most, median: depths[(depths.count - 1) / 2])
  }

  private static func clear(
    from lowest: UnsafeMutableRawPointer, upTo top: UnsafeMutableRawPointer
  ) {
    let page = StackGuard.pageSize.bytes
    let whole = unsafe (top - lowest) / page * page
    // SAFETY: whole pages of the caller's own memory; they read as zero afterwards.
    if whole > 0, unsafe madvise(lowest, whole, MADV_DONTNEED) != 0 {
      unsafe memset(lowest, 0, whole)
    }
    // SAFETY: the rest, on the page of the head, which is in use anyway.
    unsafe memset(lowest + whole, 0, top - lowest - whole)
  }

  /// From the end of the usable bytes down to the lowest one that is not zero.
  private static func depth(lowest: UInt, size: Int) -> Int? {
    guard let start = unsafe UnsafeMutableRawPointer(bitPattern: lowest) else { return nil }
    let page = StackGuard.pageSize.bytes
    var isThere = [UInt8](repeating: 0, count: (size + page - 1) / page)
    // SAFETY: the stack is not destroyed, or `destroy` would have removed it.
    guard unsafe mincore(start, size, &isThere) == 0 else { return nil }
    for (number, state) in isThere.enumerated() where state & 1 == 1 {
      let words = stride(from: number * page, to: min(size, (number + 1) * page), by: 8)
      // SAFETY: within the usable bytes, on a page that is there.
      let lowest = words.first { unsafe start.load(fromByteOffset: $0, as: UInt.self) != 0 }
      if let lowest { return size - lowest }
    }
    return 0
  }
}
