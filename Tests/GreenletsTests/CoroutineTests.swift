// What a coroutine promises: values both ways, errors out, an orderly early end.

import Greenlets
import Stacks
import Testing

struct CoroutineTests {
  let pool = StackPool(stackSize: .kibibytes(64), limit: 4)

  @Test func valuesPassBothWays() throws {
    let doubler = try Coroutine<Int, Int>(on: pool) { suspender, first in
      var number = first
      while true { number = try suspender.suspend(number * 2) }
    }
    let value1 = try doubler.resume(1)
    #expect(value1 == .yielded(2))
    let value2 = try doubler.resume(21)
    #expect(value2 == .yielded(42))
  }

  @Test func aResultIsTheLastValue() throws {
    let once = try Coroutine<Int, Int>(on: pool) { _, number in number + 1 }
    let step = try once.resume(1)
    #expect(step == .returned(2))
    let isFinished = once.isFinished
    #expect(isFinished)
  }

  @Test func largeValuesPassBothWays() throws {
    struct Large: Equatable { var words = [1, 2, 3], text = "text", more = (1.5, 2.5).0, last = 7 }
    let echo = try Coroutine<Large, Large>(on: pool) { suspender, first in
      var large = try suspender.suspend(first)
      large.last += 1
      return large
    }
    let value3 = try echo.resume(Large()).value
    #expect(value3 == Large())
    let value4 = try echo.resume(Large()).value
    #expect(value4 == Large(last: 8))
  }

  @Test func whatTheBodyThrowsIsRethrown() throws {
    struct Boom: Error {}
    let bomb = try Coroutine<Void, Int>(on: pool) { _, _ in throw Boom() }
    do {
      _ = try bomb.resume(())
      Issue.record("nothing was thrown")
    } catch { #expect(error is Boom) }
    let isFinished = bomb.isFinished
    #expect(isFinished)
  }

  @Test func goingOutOfScopeRunsTheBodysDefers() throws {
    final class Log { var lines: [String] = [] }
    let log = Log()
    do {
      let worker = try Coroutine<Void, Int>(on: pool) { suspender, _ in
        defer { log.lines.append("defer") }
        _ = try suspender.suspend(1)
        log.lines.append("never")
        return 2
      }
      _ = try worker.resume(())
    }
    #expect(log.lines == ["defer"])
    #expect(pool.lentCount == 0)
  }

  @Test func nothingIsKeptAliveByAFinishedCoroutine() throws {
    final class Token {}
    weak var watched: Token?
    do {
      let token = Token()
      watched = token
      let holder = try Coroutine<Token, Token>(on: pool) { suspender, first in
        try suspender.suspend(first === token ? token : first)
      }
      _ = try holder.resume(token)
      _ = try holder.resume(token)
    }
    #expect(watched == nil)
  }

  @Test func aBodyThatNeverStartedIsNotStartedByItsEnd() throws {
    _ = try Coroutine<Void, Int>(on: pool) { _, _ in
      Issue.record("started")
      return 0
    }
    #expect(pool.lentCount == 0)
  }

  @Test func coroutinesNest() throws {
    func sum(_ depth: Int, _ pool: StackPool) throws -> Int {
      if depth == 0 { return 1 }
      let inner = try Coroutine<Int, Int>(on: pool) { _, depth in
        try sum(depth - 1, pool) + 1
      }
      return try inner.resume(depth).value
    }
    #expect(try sum(4, pool) == 5)
    #expect(pool.lentCount == 0)
  }

  @Test func anAccessThatIsOpenDuringASwitchStaysWithItsCoroutine() throws {
    final class Box { var value = 0 }
    let (mine, theirs) = (Box(), Box())
    func modify(_ value: inout Int, _ act: () throws -> Void) rethrows {
      value += 1
      try act()
      value += 1
    }
    let inner = try Coroutine<Void, Int>(on: pool) { suspender, _ in
      try modify(&theirs.value) { _ = try suspender.suspend(1) }
      return 0
    }
    // The two accesses close in the order they opened, not the reverse, as a stack would demand.
    _ = try inner.resume(())
    try modify(&mine.value) { _ = try inner.resume(()) }
    #expect(mine.value == 2 && theirs.value == 2)
  }

  @Test func anAccessThatASuspendedCoroutineHoldsIsNotTheResumers() throws {
    // With one list for both, the second access would trap as a conflict with the first.
    final class Box { var value = 0 }
    let box = Box()
    func modify(_ value: inout Int, _ act: () throws -> Void) rethrows {
      value += 1
      try act()
    }
    let inner = try Coroutine<Void, Int>(on: pool) { suspender, _ in
      try modify(&box.value) { _ = try suspender.suspend(1) }
      return 0
    }
    _ = try inner.resume(())
    modify(&box.value) {}
    _ = try inner.resume(())
    #expect(box.value == 2)
  }

  @Test func floatControlWordsOfItsOwnStayInside() throws {
    let before = 1.0 / 3.0
    let own = try Coroutine<Double, Double>(on: pool, floatEnvironment: .own) { suspender, value in
      var value = value
      while true { value = try suspender.suspend(1.0 / value) }
    }
    let value5 = try own.resume(3).value
    #expect(value5 == before)
  }

  @Test func resumeOfAFinishedCoroutineTraps() async {
    await #expect(processExitsWith: .failure) {
      let pool = StackPool(stackSize: .kibibytes(64), limit: 1)
      let done = try Coroutine<Void, Int>(on: pool) { _, _ in 0 }
      _ = try done.resume(())
      _ = try done.resume(())
    }
  }

  @Test func anOverflowHitsTheGuard() async {
    await #expect(processExitsWith: .failure) {
      // Not a sum: the optimiser makes a loop of that.
      @inline(never) func dig(_ depth: Int) -> Int {
        depth < 0 ? 0 : (dig(depth + 1) ^ depth) &* 31
      }
      let pool = StackPool(stackSize: .kibibytes(16), limit: 1)
      let digger = try Coroutine<Void, Int>(on: pool) { _, _ in dig(1) }
      _ = try digger.resume(())
    }
  }

  @Test func aPoolThatIsLetGoLivesUntilItsLastStackIsBack() throws {
    var pool: StackPool? = StackPool(stackSize: .kibibytes(64))
    weak let watched = pool
    let last = try Coroutine<Int, Int>(on: #require(pool)) { suspender, first in
      try suspender.suspend(first)
    }
    pool = nil
    #expect(watched == nil)
    let value6 = try last.resume(3).value
    #expect(value6 == 3)
  }
}
