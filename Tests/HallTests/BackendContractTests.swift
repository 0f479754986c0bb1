// The contract of a switching backend, held against every backend by one suite.

import Backends
import Stacks
import Testing
import WorkloadKit

struct BackendContractTests {
  /// One promise, over a backend that is named in the failure.
  static let checks: [Check] =
    checks(NativeBackend.self) + checks(GreenletBackend.self) + checks(SlicedBackend.self)
    + checks(FrozenBackend.self) + checks(UContextBackend.self)
    + checks(ThreadBackend.self)

  @Test(arguments: checks) func holds(check: Check) throws { try check.run() }

  struct Check: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let run: @Sendable () throws -> Void
  }

  struct Boom: Error {}

  /// Suspends itself with the double of every word.
  struct Doubler: ContextBody {
    func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int {
      var word = word
      while true { word = try suspender.suspend(word * 2) }
    }
  }

  struct Adder: ContextBody {
    func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int {
      word + (try suspender.suspend(word))
    }
  }

  struct Bomb: ContextBody {
    func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int { throw Boom() }
  }

  final class Log { var lines: [String] = [] }

  struct Deferrer: ContextBody {
    let log: Log
    func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int {
      defer { log.lines.append("defer") }
      _ = try suspender.suspend(word)
      log.lines.append("never")
      return 0
    }
  }

  /// Suspends itself from the bottom of a recursion.
  struct Digger: ContextBody {
    func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int {
      try dig(word, suspender)
    }
    func dig(_ depth: Int, _ suspender: some WordSuspender) throws -> Int {
      depth == 0 ? try suspender.suspend(1) : 1 + (try dig(depth - 1, suspender))
    }
  }

  static func checks<Backend: SwitchBackend & ~Copyable>(_: Backend.Type) -> [Check] {
    func check(_ promise: String, _ run: @escaping @Sendable (StackPool) throws -> Void) -> Check {
      Check(testDescription: "\(Backend.name): \(promise)") {
        let pool = StackPool(stackSize: .kibibytes(64), limit: 600)
        try run(pool)
        #expect(pool.lentCount == 0, "a stack did not come back")
      }
    }
    return [
      check("words pass both ways") { pool in
        let doubler = try Backend(on: pool, body: Doubler())
        for word in 1...100 {
          let reply = try doubler.resume(word)
          #expect(reply == 2 * word)
        }
      },
      check("the result is the last reply") { pool in
        let adder = try Backend(on: pool, body: Adder())
        let (first, last) = (try adder.resume(1), try adder.resume(41))
        let isFinished = adder.isFinished
        #expect(first == 1 && last == 42 && isFinished)
      },
      check("what the body throws is thrown by resume") { pool in
        let bomb = try Backend(on: pool, body: Bomb())
        do {
          _ = try bomb.resume(0)
          Issue.record("nothing was thrown")
        } catch { #expect(error is Boom) }
        let isFinished = bomb.isFinished
        #expect(isFinished)
      },
      check("its end runs the body's defers") { pool in
        let log = Log()
        do {
          let deferrer = try Backend(on: pool, body: Deferrer(log: log))
          _ = try deferrer.resume(0)
        }
        #expect(log.lines == ["defer"])
      },
      check("one that never started is let go without a trace") { pool in
        let log = Log()
        do { _ = try Backend(on: pool, body: Deferrer(log: log)) }
        #expect(log.lines.isEmpty)
      },
      check("a suspension from deep below works") { pool in
        let digger = try Backend(on: pool, body: Digger())
        let (first, last) = (try digger.resume(50), try digger.resume(7))
        #expect(first == 1 && last == 57)
      },
      check("five hundred live side by side") { pool in
        let members = try (0..<500).map { _ in try Member<Backend>(on: pool, body: Adder()) }
        for (number, member) in members.enumerated() { _ = try member.resume(number) }
        for (number, member) in members.enumerated() {
          #expect(try member.resume(1) == number + 1)
        }
      },
    ]
  }
}
