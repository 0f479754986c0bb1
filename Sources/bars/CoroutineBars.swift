// Bars of coroutines: switch, payload, spawn, in relation to the bare loops in C.

import CContexts
import CLimits
import Greenlets
import Stacks

/// Area `engine`, the part of coroutines.
enum CoroutineBars {
  static let repetitions = 15

  static func run() throws -> [Bar] {
    let pool = StackPool(stackSize: .kibibytes(64))
    let switches = 1_000_000
    var (limits, spawnLimits): ([Double], [Double]) = ([], [])
    var (int, box, spawn, closure): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
    let adder = try Coroutine(on: pool, running: Adder())
    let keeper = try Coroutine(on: pool, running: Keeper())
    var token = Token()
    for _ in 0..<repetitions {
      let limit = EngineBars.nanoseconds(per: 2 * switches) { _ = gb_limit_paired(switches) }
      let limitSpawn = EngineBars.nanoseconds(per: switches) { _ = gb_limit_spawn(switches) }
      limits.append(limit)
      spawnLimits.append(limitSpawn)
      int.append(
        try EngineBars.nanoseconds(per: 2 * switches) { try resumeInt(adder, switches) } / limit)
      box.append(
        try EngineBars.nanoseconds(per: 2 * switches) {
          token = try resumeToken(keeper, token, switches)
        } / limit)
      spawn.append(
        try EngineBars.nanoseconds(per: switches) { try spawnAndEnd(pool, switches) } / limitSpawn)
      closure.append(
        try EngineBars.nanoseconds(per: switches) { try spawnClosures(pool, switches) } / limitSpawn
      )
    }
    return [
      Bar("limit: a bare switch", shown: limits, unit: "ns"),
      Bar("limit spawn: on a pooled stack", shown: spawnLimits, unit: "ns"),
      Bar("Coroutine<Int, Int> switch / limit", int, atMost: 1.3, unit: "x"),
      Bar("Coroutine, class payload / limit", box, atMost: 3, unit: "x"),
      Bar("Coroutine spawn, run, end / limit spawn", spawn, atMost: 2, unit: "x"),
      Bar("the same with a closure / limit spawn", shown: closure, unit: "x"),
    ]
  }

  final class Token { var number = 0 }

  struct Adder: CoroutineBody {
    @inline(never) func run(_ suspender: Suspender<Int, Int>, _ first: Int) throws -> Int {
      var number = first
      while true { number = try suspender.suspend(number &+ 1) }
    }
  }

  struct Keeper: CoroutineBody {
    @inline(never) func run(_ suspender: Suspender<Token, Token>, _ first: Token) throws -> Token {
      var token = first
      while true { token = try suspender.suspend(consume token) }
    }
  }

  struct Once: CoroutineBody {
    @inline(__always) func run(_ suspender: Suspender<Int, Int>, _ first: Int) throws -> Int {
      first &* 3
    }
  }

  @inline(never) static func resumeInt(
    _ coroutine: borrowing Coroutine<Int, Int>, _ count: Int
  ) throws {
    var sum = 0
    for index in 0..<count { sum &+= try coroutine.resume(index).value }
    precondition(sum != .min)
  }

  @inline(never) static func resumeToken(
    _ coroutine: borrowing Coroutine<Token, Token>, _ first: Token, _ count: Int
  ) throws -> Token {
    var token = first
    for _ in 0..<count { token = try coroutine.resume(consume token).value }
    return token
  }

  @inline(never) static func spawnAndEnd(_ pool: StackPool, _ count: Int) throws {
    var sum = 0
    for index in 0..<count {
      let once = try Coroutine(on: pool, running: Once())
      sum &+= try once.resume(index).value
    }
    precondition(sum == 3 * count * (count - 1) / 2)
  }

  @inline(never) static func spawnClosures(_ pool: StackPool, _ count: Int) throws {
    var sum = 0
    for index in 0..<count {
      let once = try Coroutine<Int, Int>(on: pool) { _, first in first &* 3 }
      sum &+= try once.resume(index).value
    }
    precondition(sum == 3 * count * (count - 1) / 2)
  }
}
