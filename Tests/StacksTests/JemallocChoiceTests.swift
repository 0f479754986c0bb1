// The three choices of an arena, and what is asked of the whole process.

#if canImport(JemallocStacks)
  import JemallocStacks
  import Stacks
  import Testing

  struct JemallocChoiceTests {
    static let slab = ByteCount.mebibytes(4)

    @Test(arguments: ArenaChoice.allCases) func everyChoiceLendsStacks(choice: ArenaChoice) throws {
      let source = try JemallocStackSource(choice)
      #expect(source.arena.choice == choice)
      let pool = StackPool(source: source, stackSize: .kibibytes(64))
      let stack = try pool.lend()
      unsafe stack.lowest.storeBytes(of: 1, as: UInt8.self)
      pool.takeBack(stack)
    }

    @Test func dedicatedArenasAreApart() throws {
      let (one, two) = (try JemallocArena(), try JemallocArena())
      let block = try LentBlock(of: one)
      #expect(try one.statistics.allocated == Self.slab)
      #expect(try two.statistics.allocated.bytes == 0)
      try block.free()
    }

    @Test func theSharedArenaIsOne() throws {
      let one = try JemallocArena.arena(for: .shared)
      let two = try JemallocArena.arena(for: .shared)
      #expect(one === two)
      let block = try LentBlock(of: one)
      #expect(try two.statistics.allocated >= Self.slab)
      try block.free()
    }

    @Test func ordinaryMemoryHasNoHooks() throws {
      let arena = try JemallocArena.arena(for: .ordinary)
      let before = try JemallocCounters.statistics.mapped
      #expect(before.bytes > 0)
      let block = try LentBlock(of: arena)
      #expect(block.touch())
      #expect(try arena.statistics.allocated >= Self.slab, "statistics are those of the process")
      try block.free()
      #expect(arena.counts.maps == 0 && arena.counts.guardSweeps == 1)
      try arena.purge()
    }

    @Test func ordinaryMemoryKeepsItsDecay() throws {
      let arena = try JemallocArena.arena(for: .ordinary)
      let refusal = JemallocError.notOfItsOwn(control: "arena.0.dirty_decay_ms")
      #expect(throws: refusal) { try arena.setDecay(.immediate) }
      #expect(throws: refusal) { _ = try arena.decay }
      #expect("\(refusal)".contains("; choose jemalloc"))
    }

    @Test func purgingAllReachesEveryArena() throws {
      let arena = try JemallocArena(decay: .never)
      let block = try LentBlock(of: arena)
      try block.free()
      #expect(try arena.statistics.dirty >= Self.slab)
      try JemallocCounters.purgeAll()
      #expect(try arena.statistics.dirty.bytes == 0)
    }

    @Test func theProcessCountsMoreThanAnArena() throws {
      let arena = try JemallocArena()
      let block = try LentBlock(of: arena)
      let (one, all) = (try arena.statistics, try JemallocCounters.statistics)
      #expect(all.allocated > one.allocated && all.metadata > one.metadata)
      try block.free()
    }
  }
#endif
