// What an arena of jemalloc promises: hooks, counts, decay, guards, an end.

#if canImport(JemallocStacks)
  import Foundation
  import JemallocStacks
  import Stacks
  import Testing

  struct JemallocArenaTests {
    static let slab = ByteCount.mebibytes(4)

    @Test func theHooksMapSplitAndUnmap() throws {
      let arena = try JemallocArena()
      let fresh = arena.counts
      #expect(
        fresh.maps >= 1 && fresh.mapped.bytes > 0, "jemalloc's records come through the hooks")
      let blocks = try (0..<20).map { _ in try LentBlock(of: arena) }
      let full = arena.counts
      #expect(full.maps > fresh.maps && full.splits >= 20)
      #expect(full.mapped.bytes >= 20 * Self.slab.bytes)
      #expect(arena.lentCount == 20)
      for block in blocks { try block.free() }
      try arena.purge()
      let empty = arena.counts
      #expect(empty.forcedPurges > 0 && empty.retains > 0 && empty.merges > 0)
      #expect(empty.unmaps == 0 && empty.mapped == full.mapped, "addresses are kept")
      #expect(arena.lentCount == 0)
    }

    @Test func mappingsGrowWithTheNeedUpToALimit() throws {
      let arena = try JemallocArena()
      let blocks = try (0..<1000).map { _ in try LentBlock(of: arena) }
      let ahead = arena.counts.mapped.bytes - 1000 * Self.slab.bytes
      // Fifteen blocks fit into 64 MiB: jemalloc gives each a page more than it is.
      #expect(ahead < 400 << 20, "mapped \(ByteCount(ahead)) more than the need")
      for block in blocks { try block.free() }
    }

    @Test func blocksBesideEachOtherAreFewMappingsOfTheKernel() throws {
      let arena = try JemallocArena()
      let blocks = try (0..<64).map { _ in try LentBlock(of: arena) }
      // Every second one goes: unmapping would leave 32 holes.
      for index in stride(from: 0, to: 64, by: 2) { try blocks[index].free() }
      try arena.purge()
      let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
      let starts = maps.split(separator: "\n").compactMap {
        UInt($0.prefix { $0 != "-" }, radix: 16)
      }
      let ours = starts.filter { start in
        blocks.contains { start >= $0.address && start < $0.address + UInt(Self.slab.bytes) }
      }
      // One for each call of mmap at most, if other tests map between; with holes it were 32.
      #expect(ours.count < 25)
      for index in stride(from: 1, to: 64, by: 2) { try blocks[index].free() }
    }

    @Test func theMemoryIsNamedWhereTheKernelCan() throws {
      let arena = try JemallocArena()
      let block = try LentBlock(of: arena)
      let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
      #expect(maps.contains("[anon:greenlet stacks]") == (arena.counts.named > 0))
      try block.free()
    }

    @Test func theMemoryIsNeverHugePages() throws {
      let arena = try JemallocArena()
      let block = try LentBlock(of: arena, alignment: Self.slab)
      #expect(block.touch())
      let address = block.address
      let smaps = try String(contentsOfFile: "/proc/self/smaps", encoding: .utf8)
      var isInside = false
      for line in smaps.split(separator: "\n") {
        let bounds = line.prefix { $0 != " " }.split(separator: "-")
          .compactMap { UInt($0, radix: 16) }
        if bounds.count == 2 { isInside = bounds[0] <= address && address < bounds[1] }
        // "nh" is what MADV_NOHUGEPAGE leaves; kernels without huge pages leave nothing to check.
        if isInside, line.hasPrefix("VmFlags:"), smaps.contains("AnonHugePages") {
          #expect(line.split(separator: " ").contains("nh"))
        }
      }
      try block.free()
    }

    @Test(arguments: [4096, 1 << 16, 1 << 21, 1 << 22, 1 << 26])
    func blocksAreAligned(to alignment: Int) throws {
      let arena = try JemallocArena()
      for _ in 0..<3 {
        let block = try LentBlock(of: arena, alignment: ByteCount(alignment))
        #expect(block.address % UInt(alignment) == 0)
        #expect(block.touch())
        try block.free()
      }
    }

    @Test func statisticsFollowTheMemory() throws {
      let arena = try JemallocArena(decay: .never)
      let fresh = try arena.statistics
      #expect(fresh.allocated.bytes == 0 && fresh.active.bytes == 0 && fresh.dirty.bytes == 0)
      #expect(fresh.metadata.bytes > 0 && fresh.mapped.bytes > 0)

      let block = try LentBlock(of: arena)
      let lent = try arena.statistics
      #expect(lent.allocated == Self.slab && lent.active >= Self.slab)
      #expect(lent.resident >= Self.slab && lent.mapped >= Self.slab)

      try block.free()
      let free = try arena.statistics
      #expect(free.allocated.bytes == 0 && free.active.bytes == 0)
      #expect(free.dirty == lent.active && free.resident >= Self.slab)

      try arena.purge()
      let purged = try arena.statistics
      #expect(purged.dirty.bytes == 0 && purged.muzzy.bytes == 0 && purged.resident < Self.slab)
      #expect(purged.retained.bytes >= free.retained.bytes + Self.slab.bytes)
    }

    @Test func manyFreeNeighboursAreNotPurgedBeforeTheirTime() throws {
      // With jemalloc's own threshold, free ranges of 8 MiB lose their memory whatever the decay is.
      let arena = try JemallocArena()
      let blocks = try (0..<16).map { _ in try LentBlock(of: arena) }
      try arena.setDecay(Decay(dirtyMilliseconds: 3_600_000))
      for block in blocks { try block.free() }
      #expect(try arena.statistics.dirty.bytes >= 15 * Self.slab.bytes)
    }

    @Test func muzzyMemoryIsPurgedLazily() throws {
      let arena = try JemallocArena(decay: .never)
      let block = try LentBlock(of: arena)
      #expect(block.touch())
      try block.free()
      try arena.setDecay(Decay(dirtyMilliseconds: 0, muzzyMilliseconds: -1))
      #expect(arena.counts.lazyPurges > 0)
      #expect(try arena.statistics.muzzy >= Self.slab)
      try arena.purge()
      #expect(try arena.statistics.muzzy.bytes == 0)
    }

    @Test func decayIsSetAndRead() throws {
      let arena = try JemallocArena()
      #expect(try arena.decay == .tuned)
      for decay in [Decay.immediate, .never, .ordinary, Decay(dirtyMilliseconds: 7)] {
        try arena.setDecay(decay)
        #expect(try arena.decay == decay)
      }
      try arena.setDecay(.immediate)
      let block = try LentBlock(of: arena)
      try block.free()
      #expect(try arena.statistics.dirty.bytes == 0)
    }

    @Test(arguments: [true, false])
    func guardsAreGoneBeforeABlockIsLentAgain(areMarks: Bool) throws {
      let arena = try JemallocArena(decay: .never)
      var addresses: Set<UInt> = []
      for _ in 0..<10 {
        let block = try LentBlock(of: arena)
        addresses.insert(block.address)
        #expect(block.touch())
        for offset in stride(from: 0, to: Self.slab.bytes, by: 1 << 18) {
          let range = offset..<offset + 1 << 16
          // Where the kernel knows no marks, protection is what a pool uses.
          #expect((areMarks && block.mark(range)) || block.forbid(range))
        }
        try block.free()
      }
      #expect(addresses.count == 1, "the same block each time, or this proves nothing")
      #expect(arena.counts.guardSweeps == 10)
    }

    @Test func thousandsOfArenasLeaveNothing() throws {
      let cycles = 2000
      let before = try JemallocCounters.arenaCount
      for _ in 0..<cycles {
        let arena = try JemallocArena()
        let block = try LentBlock(of: arena)
        #expect(block.touchEnds())
        try block.free()
      }
      // Other tests make arenas meanwhile, but never hundreds.
      #expect(try JemallocCounters.arenaCount < before + 200)
    }

    @Test func aBlockOutlivesItsArena() throws {
      func lend() throws -> UInt {
        let arena = try JemallocArena()
        return unsafe UInt(bitPattern: try arena.allocate(Self.slab))
      }
      let block = unsafe try #require(UnsafeMutablePointer<UInt8>(bitPattern: try lend()))
      unsafe block.pointee = 1
      unsafe #expect(block.pointee == 1)
    }

    @Test func severalThreadsMayUseOne() throws {
      let arena = try JemallocArena(decay: Decay(dirtyMilliseconds: 1))
      DispatchQueue.concurrentPerform(iterations: 8) { thread in
        for round in 0..<200 {
          let size = ByteCount.mebibytes(1 + (thread + round) % 8)
          do {
            let block = try LentBlock(of: arena, size: size)
            #expect(block.touchEnds(UInt8(thread)))
            try block.free()
            if round % 50 == 0 { _ = try (arena.statistics, arena.purge()) }
          } catch {
            Issue.record(error)
          }
        }
      }
      #expect(arena.lentCount == 0)
      #expect(try arena.statistics.allocated.bytes == 0)
    }

    @Test func arenasEndWhileAllArePurged() {
      DispatchQueue.concurrentPerform(iterations: 4) { thread in
        for _ in 0..<100 {
          do {
            if thread == 0 {
              try JemallocCounters.purgeAll()
            } else {
              let arena = try JemallocArena()
              let block = try LentBlock(of: arena)
              try block.free()
            }
          } catch {
            Issue.record(error)
          }
        }
      }
    }
  }
#endif
