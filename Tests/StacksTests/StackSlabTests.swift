// Slabs: many guarded stacks in few mappings, pages and slabs given back, sizes by class.

import Foundation
import Stacks
import Synchronization
import Testing

struct StackSlabTests {
  /// Lines of the kernel's list.
  static func mappings() throws -> Int {
    try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n").count
  }

  @Test func manyGuardedStacksTakeFewMappings() throws {
    guard StackGuard.best == .marks else { return }
    let pool = StackPool(stackSize: .kibibytes(16))
    let before = try Self.mappings()
    var stacks: [Lent] = []
    for _ in 0..<20_000 { stacks.append(Lent(try pool.lend())) }
    // Tests that run beside this one map something, too.
    #expect(try Self.mappings() - before < 100)
    #expect(pool.counters.lent == 20_000 && pool.counters.slabs >= 20_000 / 64 + 1)
    stacks = []
    try pool.trim()
    #expect(pool.counters.slabs == 0 && pool.counters.mapped == ByteCount(0))
  }

  @Test func noSystemCallInSteadyState() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    pool.takeBack(try pool.lend())
    let calls = pool.counters.systemCalls
    for _ in 0..<1000 {
      let one = try pool.lend()
      let other = Lent(try pool.lend())
      pool.takeBack(one)
      withExtendedLifetime(other) {}
    }
    // The second stack of the first round takes a guard.
    #expect(pool.counters.systemCalls - calls <= 1)
    #expect(pool.counters.carved == 2)
  }

  @Test func trimReturnsPagesAndKeepsTheWarmest() throws {
    let pool = StackPool(stackSize: .kibibytes(64))
    var lent: [Lent] = []
    for _ in 0..<10 {
      let stack = try pool.lend()
      unsafe stack.lowest.initializeMemory(as: UInt8.self, repeating: 7, count: 4096)
      lent.append(Lent(stack))
    }
    let held = lent.removeFirst()
    // Front to back, so the last one comes back last and is the warmest.
    while !lent.isEmpty { lent.removeFirst() }
    let calls = pool.counters.systemCalls
    #expect(try pool.trim(keeping: 2) == ByteCount(7 * 64 << 10))
    #expect(pool.counters.idle == 2 && pool.counters.trimmed == 7)
    // Slots 1 to 7 are neighbours: one call.
    #expect(pool.counters.systemCalls == calls + 1)
    var again: [Lent] = []
    var zero = 0
    for _ in 0..<9 {
      let stack = try pool.lend()
      if unsafe stack.lowest.load(as: UInt8.self) == 0 { zero += 1 }
      again.append(Lent(stack))
    }
    #expect(zero == 7)
    #expect(pool.counters.carved == 17)
    withExtendedLifetime(held) {}
  }

  @Test func aboveTheHighWaterAPoolTrimsItself() throws {
    var options = StackPoolOptions()
    (options.highWater, options.lowWater) = (100, 10)
    let pool = StackPool(stackSize: .kibibytes(16), options: options)
    var lent: [Lent] = []
    for _ in 0..<1000 { lent.append(Lent(try pool.lend())) }
    lent = []
    #expect(pool.counters.idle <= 100 && pool.counters.trimmed >= 900)
  }

  @Test func pagesCanBeReturnedLazily() throws {
    var options = StackPoolOptions()
    options.returning = .lazily
    let pool = StackPool(stackSize: .kibibytes(16), options: options)
    let held = Lent(try pool.lend())
    pool.takeBack(try pool.lend())
    #expect(try pool.trim() == .kibibytes(16))
    pool.takeBack(try pool.lend())
    withExtendedLifetime(held) {}
  }

  @Test func prewarmedStacksAreLentWithoutASystemCall() throws {
    let pool = StackPool(stackSize: .kibibytes(16))
    try pool.prewarm(100)
    let calls = pool.counters.systemCalls
    #expect(pool.idleCount == 100)
    var lent: [Lent] = []
    for _ in 0..<100 { lent.append(Lent(try pool.lend())) }
    #expect(pool.counters.systemCalls == calls)
  }

  @Test func sizesHaveClasses() throws {
    #expect(StackPools.sizeClass(of: ByteCount(1)) == .kibibytes(4))
    #expect(StackPools.sizeClass(of: .kibibytes(4)) == .kibibytes(4))
    #expect(StackPools.sizeClass(of: ByteCount(4097)) == .kibibytes(8))
    #expect(StackPools.sizeClass(of: .mebibytes(8)) == .mebibytes(8))
    #expect(StackPools.sizeClass(of: ByteCount(8 << 20 | 1)) == nil)
    let pools = StackPools()
    for shift in 12...23 {
      let size = ByteCount(1 << shift)
      let pool = pools.pool(for: size)
      #expect(pool.stackSize == size)
      #expect(pools.pool(for: ByteCount(size.bytes - 1)) === pool)
      pool.takeBack(try pool.lend())
    }
    #expect(pools.all.count == 12)
    #expect(try pools.trim() == ByteCount((1 << 24) - (1 << 12)))
  }

  @Test func aPoolLivesUntilItsLastStackIsBack() throws {
    let one: Stack
    let two: Stack
    do {
      let pool = StackPool(stackSize: .kibibytes(16))
      one = try pool.lend()
      two = try pool.lend()
    }
    unsafe one.lowest.storeBytes(of: 1, as: UInt8.self)
    StackPool.takeBack(one)
    unsafe two.lowest.storeBytes(of: 1, as: UInt8.self)
    StackPool.takeBack(two)
  }
}

extension StackSlabTests {
  /// Counts what it has allocated.
  final class Counting: StackSource {
    static let name = "counting"
    let blocks = Atomic<Int>(0)

    func allocate(
      _ size: ByteCount, alignment: ByteCount
    ) throws(StackError) -> UnsafeMutableRawPointer {
      let base = unsafe try MappedStackSource().allocate(size, alignment: alignment)
      blocks.add(1, ordering: .relaxed)
      return unsafe base
    }

    func free(
      _ base: UnsafeMutableRawPointer, _ size: ByteCount, alignment: ByteCount
    ) throws(StackError) {
      unsafe try MappedStackSource().free(base, size, alignment: alignment)
      blocks.subtract(1, ordering: .relaxed)
    }
  }

  @Test func everyBlockGoesBackToItsSource() throws {
    let source = Counting()
    for call in 0...8 {
      let pool = StackPool(source: source, stackSize: .kibibytes(64))
      pool.failingCall = call
      for _ in 0..<3 {
        // Each of these calls is the failing one once; what is refused is had later.
        do { pool.takeBack(try pool.lend()) } catch { #expect(call > 0) }
        do { try pool.trim() } catch { #expect(call > 0) }
      }
      pool.failingCall = 0
      try pool.trim()
      #expect(pool.counters.slabs == 0)
    }
    #expect(source.blocks.load(ordering: .relaxed) == 0)
    // A pool that goes without a trim.
    do {
      let pool = StackPool(source: source, stackSize: .kibibytes(64))
      pool.failingCall = 2
      #expect(throws: StackError.self) { pool.takeBack(try pool.lend()) }
    }
    #expect(source.blocks.load(ordering: .relaxed) == 0)
  }
}

/// A lent stack in an array: noncopyable values do not go there.
final class Lent {
  private var stack: Stack?
  init(_ stack: consuming Stack) { self.stack = consume stack }
  deinit { if let stack = stack.take() { StackPool.takeBack(stack) } }
}
