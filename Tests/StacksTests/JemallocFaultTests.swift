// Failures of the kernel and of jemalloc: typed errors, and an arena that goes on.

#if canImport(JemallocStacks)
  import Foundation
  import JemallocStacks
  import Stacks
  import Testing

  struct JemallocFaultTests {
    static let slab = ByteCount.mebibytes(4)
    static let count = 12

    /// Lends blocks, and takes back those that it got.
    ///
    /// - Returns: The errors.
    private func churn(_ arena: JemallocArena) throws -> [JemallocError] {
      var (blocks, errors): ([LentBlock], [JemallocError]) = ([], [])
      for _ in 0..<Self.count {
        do {
          blocks.append(try LentBlock(of: arena))
        } catch {
          errors.append(error)
        }
      }
      #expect(blocks.allSatisfy { $0.touchEnds() })
      for block in blocks { try block.free() }
      return errors
    }

    private let failure = JemallocError.allocationFailed(
      from: .dedicated, size: JemallocFaultTests.slab, errno: ENOMEM)

    @Test func everyMappingMayFail() throws {
      var first = 1
      while true {
        let arena = try JemallocArena()
        // Where a large mapping fails jemalloc tries a smaller one, so all fail from the n-th on.
        arena.fail(.map, first: first, times: .max)
        let errors = try churn(arena)
        #expect(errors.allSatisfy { $0 == failure })
        #expect((arena.counts.failedMaps == 0) == errors.isEmpty)
        arena.stopFailing()
        #expect(try churn(arena).isEmpty, "the arena is of use again")
        #expect(try arena.statistics.allocated.bytes == 0)
        if errors.isEmpty { break }
        first += 1
      }
      #expect(first > 2, "nothing failed")
    }

    @Test func oneFailedMappingIsTriedAgainSmaller() throws {
      for first in 1...8 {
        let arena = try JemallocArena()
        arena.fail(.map, first: first)
        #expect(try churn(arena).allSatisfy { $0 == failure })
        #expect(try churn(arena).isEmpty)
      }
    }

    @Test(arguments: [false, true]) func everyPurgeMayFail(isLazy: Bool) throws {
      var first = 1
      while true {
        let arena = try JemallocArena(decay: .never)
        arena.fail(.purge, first: first, times: .max)
        #expect(try churn(arena).isEmpty)
        if isLazy { try arena.setDecay(Decay(dirtyMilliseconds: 0, muzzyMilliseconds: -1)) }
        try arena.purge()
        let failed = arena.counts.failedPurges
        arena.stopFailing()
        #expect(try churn(arena).isEmpty)
        if failed == 0 { break }
        first += 1
      }
      #expect(first > 2, "nothing failed")
    }

    @Test func everyAllocationMayFail() throws {
      for choice in ArenaChoice.allCases where choice != .shared {
        let arena = try JemallocArena.arena(for: choice)
        for first in 1...Self.count {
          arena.fail(.allocation, first: first)
          #expect(
            try churn(arena) == [.allocationFailed(from: choice, size: Self.slab, errno: ENOMEM)])
        }
        #expect(try churn(arena).isEmpty)
      }
    }

    @Test func aBlockThatIsTooLargeForAnybodyIsAnError() throws {
      let arena = try JemallocArena()
      let size = ByteCount(Int.max)
      #expect(throws: JemallocError.self) { _ = try LentBlock(of: arena, size: size) }
      let most = ByteCount(1 << 50)
      #expect(throws: JemallocError.allocationFailed(from: .dedicated, size: most, errno: ENOMEM)) {
        _ = try LentBlock(of: arena, size: most)
      }
      #expect(try churn(arena).isEmpty)
    }

    @Test func theSourceMakesItAStackError() throws {
      let source = try JemallocStackSource()
      source.arena.fail(.allocation)
      let error = StackError.allocationFailed(source: "jemalloc", size: Self.slab, errno: ENOMEM)
      unsafe #expect(throws: error) {
        unsafe try source.allocate(Self.slab, alignment: StackGuard.pageSize)
      }
      let block = unsafe try source.allocate(Self.slab, alignment: StackGuard.pageSize)
      try unsafe source.free(block, Self.slab, alignment: StackGuard.pageSize)
      #expect(source.arena.lentCount == 0)
    }

    @Test func aLimitOfAddressSpaceIsATypedError() async {
      await #expect(processExitsWith: .success) {
        let arena = try JemallocArena()
        let status = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        let pages = try #require(status.split(separator: " ").first.flatMap { Int($0) })
        let most = rlim_t(pages * StackGuard.pageSize.bytes + 200 << 20)
        var limit = rlimit(rlim_cur: most, rlim_max: most)
        let failure = unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        #expect(failure == 0)
        var blocks: [LentBlock] = []
        do throws(JemallocError) {
          while blocks.count < 1000 { blocks.append(try LentBlock(of: arena)) }
          Issue.record("the limit limits nothing")
        } catch {
          #expect(
            error == .allocationFailed(from: .dedicated, size: Self.slab, errno: ENOMEM))
        }
        // Most of the limit was of use: jemalloc does without what it would map ahead.
        #expect(blocks.count > 30, "\(blocks.count) blocks of 50 lent")
        try blocks.removeLast().free()
        try arena.purge()
        #expect(try LentBlock(of: arena).touch())
      }
    }

    @Test func tooManyArenasAreATypedError() async {
      await #expect(processExitsWith: .success) {
        var arenas: [JemallocArena] = []
        do {
          while arenas.count < 5000 { arenas.append(try JemallocArena()) }
          Issue.record("jemalloc has more arenas than the error's text says")
        } catch JemallocError.noArena {
          #expect(arenas.count > 1000)
        }
        arenas.removeLast()
        arenas.append(try JemallocArena())
        #expect(try LentBlock(of: arenas[arenas.count - 1]).touch())
      }
    }
  }
#endif
