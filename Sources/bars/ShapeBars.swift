// Bars of coroutines in shapes that a flat ping-pong hides: deep yields, rings, trees, many stacks.

import CLimits
import Foundation
import Greenlets
import Stacks

/// Area `engine`, the part of shapes.
enum ShapeBars {
  static func run() throws -> [Bar] {
    try deep() + [try ring(), try skynet()] + (try many())
  }

  /// The bound limit of a switch, and figures in relation to it, in turn.
  private static func ratios(
    per operations: Int, repetitions: Int = 9, _ run: () throws -> Void
  ) rethrows -> [Double] {
    try (0..<repetitions).map { _ in
      let limit = EngineBars.nanoseconds(per: 1_000_000) { _ = gb_limit_paired(500_000) }
      return try EngineBars.nanoseconds(per: operations, run) / limit
    }
  }

  // MARK: - Yields from below

  /// Yields from so many frames deep, each of which returns before the next yield.
  struct Digger: CoroutineBody {
    let depth: Int
    func run(_ suspender: Suspender<Int, Int>, _ first: Int) throws -> Int {
      var number = first
      while true {
        number = try depth == 1 ? surface(suspender, number) : dig(suspender, number, depth - 1)
      }
    }
  }

  @inline(never) static func dig(
    _ suspender: Suspender<Int, Int>, _ number: Int, _ depth: Int
  ) throws -> Int {
    if depth <= 1 { return try surface(suspender, number) }
    // The work keeps the call from being a jump.
    return try dig(suspender, number, depth - 1) &+ 1
  }

  /// The innermost frame.
  @inline(never) static func surface(
    _ suspender: Suspender<Int, Int>, _ number: Int
  ) throws -> Int { try suspender.suspend(number) }

  /// As `Digger`, in code of its own.
  struct OtherDigger: CoroutineBody {
    let depth: Int
    func run(_ suspender: Suspender<Int, Int>, _ first: Int) throws -> Int {
      var number = first
      while true {
        number =
          try depth == 1
          ? surfaceElsewhere(suspender, number) : digElsewhere(suspender, number, depth - 1)
      }
    }
  }

  @inline(never) static func digElsewhere(
    _ suspender: Suspender<Int, Int>, _ number: Int, _ depth: Int
  ) throws -> Int {
    if depth <= 1 { return try surfaceElsewhere(suspender, number) }
    return try digElsewhere(suspender, number, depth - 1) &- 1
  }

  @inline(never) static func surfaceElsewhere(
    _ suspender: Suspender<Int, Int>, _ number: Int
  ) throws -> Int { try suspender.suspend(number &+ 3) }

  static func deep() throws -> [Bar] {
    let pool = StackPool(stackSize: .kibibytes(64))
    let count = 300_000
    var bars: [Bar] = []
    for depth in [1, 4, 8] {
      let digger = try Coroutine(on: pool, running: Digger(depth: depth))
      let figures = try ratios(per: 2 * count) { try CoroutineBars.resumeInt(digger, count) }
      let name = "yield from \(depth) frames deep / limit"
      bars.append(
        depth == 4
          ? Bar(name, figures, atMost: 5, unit: "x") : Bar(name, shown: figures, unit: "x"))
    }
    for depth in [1, 4] {
      let one = try Coroutine(on: pool, running: Digger(depth: depth))
      let same = try Coroutine(on: pool, running: Digger(depth: depth))
      let other = try Coroutine(on: pool, running: OtherDigger(depth: depth))
      bars.append(
        Bar(
          "two in turn, \(depth) deep, same code / limit",
          shown: try ratios(per: 4 * count) { try alternate(one, same, count) }, unit: "x"))
      bars.append(
        Bar(
          "two in turn, \(depth) deep, other code / limit",
          shown: try ratios(per: 4 * count) { try alternate(one, other, count) }, unit: "x"))
    }
    return bars
  }

  @inline(never) static func alternate(
    _ one: borrowing Coroutine<Int, Int>, _ other: borrowing Coroutine<Int, Int>, _ count: Int
  ) throws {
    var number = 0
    for _ in 0..<count {
      number = try one.resume(number).value
      number = try other.resume(number).value
    }
    precondition(number != .min)
  }

  // MARK: - Rings

  struct Passer: CoroutineBody {
    @inline(never) func run(_ suspender: Suspender<Int, Int>, _ first: Int) throws -> Int {
      var number = first
      while true { number = try suspender.suspend(number &+ 1) }
    }
  }

  /// Coroutines side by side: an array of boxes would cost a reference count each time.
  @safe struct Row: ~Copyable {
    // Invariant: all elements are initialised until deinit.
    private let members: UnsafeMutableBufferPointer<Coroutine<Int, Int>>

    init(_ count: Int, on pool: StackPool) throws {
      unsafe members = .allocate(capacity: count)
      for index in 0..<count {
        unsafe (members.baseAddress.unsafelyUnwrapped + index).initialize(
          to: try Coroutine(on: pool, running: Passer()))
      }
    }

    /// One round: each is resumed with what the one before it gave.
    @inline(never) borrowing func pass(_ token: Int) throws -> Int {
      var token = token
      for index in unsafe 0..<members.count {
        token = try unsafe members[index].resume(token).value
      }
      return token
    }

    /// As many hops as there are members, each to where the order says.
    @inline(never) borrowing func pass(_ token: Int, in order: [Int]) throws -> Int {
      var token = token
      for index in order { token = try unsafe members[index].resume(token).value }
      return token
    }

    deinit {
      for index in unsafe 0..<members.count {
        unsafe (members.baseAddress.unsafelyUnwrapped + index).deinitialize(count: 1)
      }
      unsafe members.deallocate()
    }
  }

  static func ring() throws -> Bar {
    let row = try Row(503, on: StackPool(stackSize: .kibibytes(64)))
    let rounds = 300
    let figures = try ratios(per: 503 * rounds) {
      var token = 0
      for _ in 0..<rounds { token = try row.pass(token) }
      precondition(token == 503 * rounds)
    }
    // 7.99 ns where the limit is 1.39: corosensei's hop; see DECISIONS.md, 33.
    return Bar("ring of 503, a hop / limit", figures, atMost: 7.99 / 1.39, unit: "x")
  }

  // MARK: - Trees

  struct Node: CoroutineBody {
    let number: Int
    let size: Int
    let pool: StackPool.Address

    func run(_ suspender: Suspender<Void, Int>, _: Void) throws -> Int {
      if size == 1 { return number }
      let part = size / 10
      var sum = 0
      for index in 0..<10 {
        let child = try Coroutine(
          on: pool, running: Node(number: number + index * part, size: part, pool: pool))
        sum += try child.resume(()).value
      }
      return sum
    }
  }

  static func skynet() throws -> Bar {
    let pool = StackPool(stackSize: .kibibytes(64))
    let figures = try withExtendedLifetime(pool) {
      try (0..<9).map { _ in
        let limit = EngineBars.nanoseconds(per: 1) { _ = gb_limit_skynet(1_000_000) }
        let ours = try EngineBars.nanoseconds(per: 1) {
          let root = unsafe try Coroutine(
            on: pool, running: Node(number: 0, size: 1_000_000, pool: pool.address))
          let sum = try root.resume(()).value
          precondition(sum == 499_999_500_000)
        }
        return ours / limit
      }
    }
    return Bar("skynet, 1,111,111 coroutines / limit", figures, atMost: 2, unit: "x")
  }

  // MARK: - Many

  static func many() throws -> [Bar] {
    var bars: [Bar] = []
    // A million stacks touch 8 GiB.
    let most = ProcessInfo.processInfo.physicalMemory >= 16 << 30 ? 1_000_000 : 100_000
    for count in [2, 64, 4096, 65_536, most] {
      let row = try Row(count, on: StackPool(stackSize: .kibibytes(16)))
      let rounds = max(1, 400_000 / count)
      _ = try row.pass(0)
      bars.append(
        Bar(
          "\(count) coroutines in sequence, a hop / limit",
          shown: try ratios(per: count * rounds, repetitions: 3) {
            for _ in 0..<rounds { _ = try row.pass(0) }
          }, unit: "x"))
      var generator = SplitMix(state: 1)
      let order = (0..<count).shuffled(using: &generator)
      bars.append(
        Bar(
          "\(count) coroutines at random, a hop / limit",
          shown: try ratios(per: count * rounds, repetitions: 3) {
            for _ in 0..<rounds { _ = try row.pass(0, in: order) }
          }, unit: "x"))
    }
    return bars
  }

  /// The same order in every run.
  struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }
}
