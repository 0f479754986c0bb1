// High-water marks: how deep stacks were used, from what was left on them.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension StackPool {
  /// How deep stacks were used, in bytes below their heads.
  public struct HighWater: Hashable, Sendable {
    /// Of the stack that was used most.
    public let most: ByteCount

    /// Of the median one.
    public let median: ByteCount
  }

  /// How deep the stacks of this pool were used since they were carved, lent and idle ones.
  ///
  /// It is the lowest word that is not zero, on pages that are in memory: so it misses what wrote
  /// zeros only, and a stack that is used again has the mark of its deepest user.
  ///
  /// - Parameter count: At most so many stacks are looked at.
  /// - Returns: Nil when there is no stack, or the system does not tell which pages are in memory.
  /// - Complexity: O(`count` stacks' resident pages), and a system call for each of them.
  /// - Precondition: The pool was made with ``StackPoolOptions/measuresDepth``.
  public func highWater(of count: Int = 4096) -> HighWater? {
    precondition(
      unsafe core.pointee.options.measuresDepth, "a pool that does not measure depth; ask for it")
    var depths: [Int] = []
    unsafe core.pointee.forEachHead(most: count) { head in
      if let depth = unsafe Self.depth(head) { depths.append(depth.bytes) }
    }
    depths.sort()
    guard let most = depths.last else { return nil }
    return HighWater(most: ByteCount(most), median: ByteCount(depths[(depths.count - 1) / 2]))
  }

  /// How deep one stack was used; see ``highWater(of:)``.
  ///
  /// - Safety: `head` must be that of a stack that is not destroyed and not frozen.
  @unsafe public static func depth(_ head: UnsafeMutablePointer<StackHead>) -> ByteCount? {
    let start = unsafe head.pointee.lowest
    // A canary's words were not written by whoever ran there.
    let skipped =
      unsafe head.pointee.guardSize.bytes == 0
      ? StackGuard.words * MemoryLayout<UInt>.stride : 0
    let size = unsafe UnsafeMutableRawPointer(head) - start
    let page = StackGuard.pageSize.bytes
    var isThere = [UInt8](repeating: 0, count: (size + page - 1) / page)
    // SAFETY: memory of a stack. A page that was never touched is not looked into, or looking would
    // make it resident.
    guard unsafe mincore(start, size, &isThere) == 0 else { return nil }
    for (number, state) in isThere.enumerated() where state & 1 == 1 {
      let words = stride(
        from: max(skipped, number * page), to: min(size, (number + 1) * page), by: 8)
      // SAFETY: within the usable bytes, on a page that is there.
      let lowest = words.first { unsafe start.load(fromByteOffset: $0, as: UInt.self) != 0 }
      if let lowest { return ByteCount(size - lowest) }
    }
    return ByteCount(0)
  }
}

extension StackPoolCore {
  /// The heads of stacks that are carved and not frozen.
  func forEachHead(most: Int, _ use: (UnsafeMutablePointer<StackHead>) -> Void) {
    var left = most
    for index in unsafe 0..<blocks.count {
      let block = unsafe blocks[index]
      for number in unsafe 0..<block.pointee.begun {
        let slab = unsafe block.pointee.slabs + number
        for slot in 0..<layout.count
        where unsafe (slab.pointee.bare | slab.pointee.frozen) & (1 << UInt64(slot)) == 0 {
          guard left > 0 else { return }
          left -= 1
          unsafe use(slab.pointee.head(of: slot, layout))
        }
      }
    }
  }
}
