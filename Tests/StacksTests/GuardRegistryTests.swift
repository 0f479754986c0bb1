// The table of guards: what is found, what is not, at what size, and while others change it.

import Dispatch
import Stacks
import Synchronization
import Testing

/// Addresses that are looked up and never touched: above all that a process has.
struct GuardRegistryTests {
  static let guardSize = ByteCount.kibibytes(64)

  static func place(_ address: UInt) throws -> UnsafeMutableRawPointer {
    unsafe try #require(UnsafeMutableRawPointer(bitPattern: address))
  }

  @Test func aGuardIsFoundAndNothingElse() throws {
    let base: UInt = 0xf000_0000_0000
    unsafe GuardRegistry.add(
      try Self.place(base), stride: .kibibytes(80), guardSize: Self.guardSize,
      stackSize: .kibibytes(16))
    let stack = base + 65_536..<base + 81_920
    #expect(GuardRegistry.stack(guardedAt: base) == stack)
    #expect(GuardRegistry.stack(guardedAt: base + 65_535) == stack)
    #expect(GuardRegistry.stack(guardedAt: base - 1) == nil)
    #expect(GuardRegistry.stack(guardedAt: base + 65_536) == nil)
    unsafe GuardRegistry.remove(try Self.place(base))
    #expect(GuardRegistry.stack(guardedAt: base) == nil)
  }

  @Test(arguments: [80, 100, 1024, 65_600]) func aSlabIsOneEntry(stride: Int) throws {
    // Not at a round address: guards lie across the table's granules.
    let base: UInt = 0xf100_001f_8000 + UInt(stride) << 32
    let strideBytes = UInt(stride) * 1024
    unsafe GuardRegistry.add(
      try Self.place(base), stride: .kibibytes(stride), guardSize: Self.guardSize,
      stackSize: .kibibytes(16), count: 300)
    for index: UInt in 0..<300 {
      let guarded = base + index * strideBytes
      let stack = guarded + 65_536..<guarded + 81_920
      #expect(GuardRegistry.stack(guardedAt: guarded) == stack)
      #expect(GuardRegistry.stack(guardedAt: guarded + 65_535) == stack)
      #expect(GuardRegistry.stack(guardedAt: guarded + 65_536) == nil)
    }
    #expect(GuardRegistry.stack(guardedAt: base + 300 * strideBytes) == nil)
    unsafe GuardRegistry.remove(try Self.place(base))
    for index: UInt in 0..<300 {
      #expect(GuardRegistry.stack(guardedAt: base + index * strideBytes) == nil)
    }
  }

  @Test func aMillionStacksInSlabs() throws {
    // Slabs of 100 stacks, 8000 KiB each, next to each other.
    let (first, slab): (UInt, UInt) = (0xf400_0000_0000, 100 * 81_920)
    for index: UInt in 0..<10_000 {
      unsafe GuardRegistry.add(
        try Self.place(first + index * slab), stride: .kibibytes(80), guardSize: Self.guardSize,
        stackSize: .kibibytes(16), count: 100)
    }
    for index: UInt in 0..<1_000_000 where index % 97 == 0 {
      let guarded = first + index * 81_920
      #expect(GuardRegistry.stack(guardedAt: guarded + 5)?.lowerBound == guarded + 65_536)
    }
    for index: UInt in 0..<10_000 {
      unsafe GuardRegistry.remove(try Self.place(first + index * slab))
    }
    #expect(GuardRegistry.stack(guardedAt: first) == nil)
  }

  @Test func whatStaysIsFoundWhileOthersComeAndGo() throws {
    let stays: UInt = 0xf800_0000_0000
    unsafe GuardRegistry.add(
      try Self.place(stays), stride: .kibibytes(80), guardSize: Self.guardSize,
      stackSize: .kibibytes(16))
    let wrong = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 4) { worker in
      for round: UInt in 0..<5_000 {
        // In the same 2 MiB, so that all share a chain.
        let own = stays + 131_072 + UInt(worker) * 327_680 + round % 2 * 163_840
        guard let base = unsafe UnsafeMutableRawPointer(bitPattern: own) else { continue }
        unsafe GuardRegistry.add(
          base, stride: .kibibytes(80), guardSize: Self.guardSize, stackSize: .kibibytes(16))
        let isRight =
          GuardRegistry.stack(guardedAt: own)?.lowerBound == own + 65_536
          && GuardRegistry.stack(guardedAt: stays + 9)?.lowerBound == stays + 65_536
        if !isRight { wrong.add(1, ordering: .relaxed) }
        unsafe GuardRegistry.remove(base)
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
    unsafe GuardRegistry.remove(try Self.place(stays))
  }

  @Test func aPoolsStacksAreKnownAsLongAsItHasThem() throws {
    for source in try StackPoolTests.sources() {
      var guarded: UInt = 0
      do {
        let pool = StackPool(source: source, stackSize: .kibibytes(32))
        let stack = try pool.lend()
        guarded = UInt(bitPattern: unsafe stack.base)
        let bounds = GuardRegistry.stack(guardedAt: guarded)
        #expect(bounds?.count == 32_768)
        #expect(bounds?.contains(UInt(bitPattern: unsafe stack.top)) == true)
        pool.takeBack(stack)
        #expect(GuardRegistry.stack(guardedAt: guarded) != nil, "idle, but there")
      }
      // Another test's pool may have got the address meanwhile, but not with a stack of this size.
      #expect(GuardRegistry.stack(guardedAt: guarded)?.count != 32_768)
    }
  }
}
