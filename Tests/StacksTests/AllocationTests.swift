// What a switch must not do: allocate. Counted by jemalloc, which is the allocator of this program.

#if canImport(JemallocStacks)
  import Greenlets
  import JemallocStacks
  import Stacks
  import Testing

  struct AllocationTests {
    static let switches = 1_000_000

    /// Bytes that this thread allocates meanwhile.
    private func allocated(_ run: () throws -> Void) rethrows -> UInt64 {
      let before = JemallocCounters.allocatedByThisThread
      try run()
      return JemallocCounters.allocatedByThisThread - before
    }

    @Test func theCounterCounts() {
      var bytes: [UInt8] = []
      #expect(allocated { bytes = Array(repeating: 1, count: 100_000) } >= 100_000)
      #expect(bytes.count == 100_000)
    }

    @Test func aMillionSwitchesOfACoroutineAllocateNothing() throws {
      let pool = StackPool(stackSize: .kibibytes(64))
      let adder = try Coroutine<Int, Int>(on: pool) { suspender, first in
        var number = first
        while true { number = try suspender.suspend(number + 1) }
      }
      var sum = try adder.resume(0).value
      let bytes = try allocated {
        for _ in 0..<Self.switches / 2 { sum = try adder.resume(sum).value }
      }
      #expect(sum == Self.switches / 2 + 1)
      #expect(bytes == 0)
    }

    @Test func aMillionSwitchesOfAGreenletAllocateNothing() throws {
      let main = Greenlet.current
      let adder = Greenlet { (first: Int) throws -> Int in
        var number = first
        while true { number = try main.switch(number + 1) }
      }
      var sum: Int = try adder.switch(0)
      let bytes = try allocated {
        for _ in 0..<Self.switches / 2 { sum = try adder.switch(sum) }
      }
      #expect(sum == Self.switches / 2 + 1)
      #expect(bytes == 0)
    }

    @Test func aLargeMessageIsNotBoxed() throws {
      struct Large { var words = (1, 2, 3, 4, 5, 6, 7, 8), count = 0 }
      let main = Greenlet.current
      let counter = Greenlet { (first: Large) throws -> Large in
        var large = first
        while true {
          large.count += 1
          large = try main.switch(large)
        }
      }
      var large: Large = try counter.switch(Large())
      let bytes = try allocated {
        for _ in 0..<1000 { large = try counter.switch(large) }
      }
      #expect(large.count == 1001)
      #expect(bytes == 0)
    }

    @Test func aSpawnOnAWarmPoolAllocatesItsHandleAlone() throws {
      func spawn() throws -> Int {
        let greenlet = Greenlet { (number: Int) in number * 3 }
        return try greenlet.switch(1)
      }
      for _ in 0..<10 { #expect(try spawn() == 3) }
      let rounds = 1000
      let bytes = try allocated { for _ in 0..<rounds { _ = try spawn() } }
      // A handle is an object of three words; an unoptimised build wraps the body twice.
      #expect(bytes <= UInt64(rounds * 256))
    }

    @Test("greenlets and coroutines that take turns on a stack leave nothing behind")
    func kindsTakeTurns() async {
      await #expect(processExitsWith: .success) {
        let pool = StackPool(stackSize: .kibibytes(64))
        func turn() throws {
          let greenlet = Greenlet(stacks: .pool(pool)) { (number: Int) in number * 3 }
          let triple: Int = try greenlet.switch(1)
          let coroutine = try Coroutine<Int, Int>(on: pool) { _, first in first * 3 }
          #expect(try coroutine.resume(triple).value == 9)
        }
        for _ in 0..<1000 { try turn() }
        let before = try JemallocCounters.statistics.allocated.bytes
        let rounds = 10_000
        for _ in 0..<rounds { try turn() }
        let left = try JemallocCounters.statistics.allocated.bytes - before
        #expect(left < rounds, "\(left) bytes of \(rounds) rounds are left")
      }
    }
  }
#endif
