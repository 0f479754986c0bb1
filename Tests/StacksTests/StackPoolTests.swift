// What every source and the pool promise: guarded, writable, reused, bounded, given back.

import Stacks
import Testing

#if canImport(JemallocStacks)
  import JemallocStacks
#endif

struct StackPoolTests {
  static func sources() throws -> [any StackSource] {
    #if canImport(JemallocStacks)
      [MappedStackSource(), try JemallocStackSource()]
    #else
      [MappedStackSource()]
    #endif
  }

  @Test func stacksAreReusedLastInFirstOut() throws {
    for source in try Self.sources() {
      let pool = StackPool(source: source, stackSize: .kibibytes(64), limit: 2)
      let one = try pool.lend()
      let two = try pool.lend()
      let first = unsafe two.top
      pool.takeBack(one)
      pool.takeBack(two)
      let again = try pool.lend()
      unsafe #expect(again.top == first)
      pool.takeBack(again)
      #expect(pool.idleCount == 2 && pool.lentCount == 0)
    }
  }

  @Test func theLimitIsATypedError() throws {
    let pool = StackPool(stackSize: .kibibytes(16), limit: 1)
    let one = try pool.lend()
    #expect(throws: StackError.limitReached(count: 1)) { pool.takeBack(try pool.lend()) }
    pool.takeBack(one)
  }

  @Test func everyUsableByteIsWritable() throws {
    for source in try Self.sources() {
      let pool = StackPool(source: source, stackSize: .kibibytes(32), limit: 64)
      for _ in 0..<3 {
        let stack = try pool.lend()
        #expect(stack.usableSize.bytes >= 32 << 10)
        unsafe stack.lowest.initializeMemory(
          as: UInt8.self, repeating: 7, count: stack.top - stack.lowest)
        pool.takeBack(stack)
      }
    }
  }

  @Test func sourcesGetTheirMemoryBackWithoutGuards() throws {
    // A block handed out again with a guard would fault on the first write.
    for source in try Self.sources() {
      for _ in 0..<20 {
        let pool = StackPool(source: source, stackSize: .kibibytes(64))
        for _ in 0..<3 {
          let stack = try pool.lend()
          unsafe stack.lowest.storeBytes(of: 1, as: UInt8.self)
          pool.takeBack(stack)
          try pool.trim()
        }
        #expect(pool.counters.slabs == 0)
      }
      let size = ByteCount.mebibytes(8)
      let piece = try unsafe source.allocate(size, alignment: StackGuard.pageSize)
      unsafe piece.initializeMemory(as: UInt8.self, repeating: 1, count: size.bytes)
      try unsafe source.free(piece, size, alignment: StackGuard.pageSize)
    }
  }

  @Test func neighboursHaveTopsOfDifferentColours() throws {
    let pool = StackPool(stackSize: .kibibytes(64), limit: 2)
    let one = try pool.lend()
    let two = try pool.lend()
    #expect(one.colour != two.colour)
    pool.takeBack(one)
    pool.takeBack(two)
  }

  @Test(arguments: [
    ("64KiB", 65536), ("2MiB", 2 << 20), ("100B", 100), ("4096", 4096),
  ]) func sizesAreReadWithTheirUnits(text: String, bytes: Int) {
    #expect(ByteCount(parsing: text) == ByteCount(bytes))
  }

  @Test(arguments: ["", "KiB", "64kb", "-1", "9999999999999999999", "64 KiB"])
  func otherSizesAreRefused(text: String) {
    #expect(ByteCount(parsing: text) == nil)
  }
}
