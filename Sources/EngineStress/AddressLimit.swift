// A limit of the address space: where it is reached, stacks are refused, and all else goes on.

import Backends
import Foundation
import Greenlets
import Stacks
import StressKit
import WorkloadKit

/// Makes greenlets or coroutines until the process may map no more, and a few things then.
struct AddressLimit: StressClass {
  let about = StressClassAbout(
    name: "enomem",
    injection: "an RLIMIT_AS of 64 to 512 MB above what is mapped; stacks until it is felt",
    expectation: "a typed error, the pool intact, and after the limit all goes on; nothing left",
    goal: "0 crashes",
    unit: "checks",
    trials: TrialCounts(pr: 40, nightly: 1500))

  func run(_ trial: Trial) throws {
    let source = try RandomChoice.source(&trial.generator)
    let size = ByteCount.kibibytes(4 * Int.random(in: 8...256, using: &trial.generator))
    let room = Int.random(in: 64...512, using: &trial.generator) << 20
    let isCoroutine = Bool.random(using: &trial.generator)
    trial.tell(
      "\(isCoroutine ? "coroutines" : "greenlets") of \(size) of \(source.name), in \(room >> 20) MB"
    )
    try ForkedChild.finish(trial) { trial in
      let pool = StackPool(source: try source.make(), stackSize: size)
      // The most there can be, and what is made besides: an array that grew then would be refused.
      let most = room / size.bytes + 64
      var crowd: any Crowd =
        isCoroutine
        ? CoroutineCrowd(pool, most) : GreenletCrowd(pool, most)
      try Self.warmUp()
      try Limit.set(above: room)
      try Self.exhaust(&crowd, pool, most, trial)
      try Limit.lift()
      for _ in 0..<8 { try crowd.add() }
      try crowd.check(trial)
      crowd.end(all: true)
      try pool.trim()
      try Self.expectEmpty(pool, trial)
    }
  }

  /// Adds until it is refused; once more, and with stacks that were given back.
  private static func exhaust(
    _ crowd: inout any Crowd, _ pool: StackPool, _ most: Int, _ trial: Trial
  ) throws {
    try refusal(of: &crowd, most, trial)
    try trial.expect(pool.counters.owned, is: crowd.count, "stacks of a pool at its end")
    try trial.expect(pool.counters.idle, is: 0, "idle stacks of a pool that has none left")
    let mapped = pool.counters.mapped
    for _ in 0..<3 { try refusal(of: &crowd, most, trial) }
    try trial.expect(pool.counters.mapped, is: mapped, "a refusal mapped something")
    try crowd.check(trial)
    let before = crowd.count
    crowd.end(all: false)
    while crowd.count < before { try crowd.add() }
    try trial.expect(pool.counters.mapped, is: mapped, "stacks that were idle were mapped")
    try crowd.check(trial)
    trial.figure("stacks", Double(before))
  }

  private static func refusal(of crowd: inout any Crowd, _ most: Int, _ trial: Trial) throws {
    do {
      while crowd.count < most { try crowd.add() }
    } catch let error as StackError {
      guard case .allocationFailed(_, _, ENOMEM) = error else { throw error }
      return trial.count()
    } catch let error as GreenletError {
      guard case .noStack(_, let reason) = error, reason.contains("could not allocate") else {
        throw error
      }
      return trial.count()
    }
    throw Finding("\(most) stacks fit where they cannot: the limit was not felt")
  }

  static func expectEmpty(_ pool: StackPool, _ trial: Trial) throws {
    let counters = pool.counters
    try trial.expect(counters.owned, is: 0, "stacks left after a trim")
    try trial.expect(counters.mapped, is: ByteCount(0), "memory left after a trim")
    try trial.expect(GreenletCensus.now.suspended, is: 0, "suspended greenlets left")
  }

  /// Gives the allocator addresses of its own: the limit is for stacks, and Swift ends the process when
  /// an object cannot be made.
  private static func warmUp() throws {
    let blocks = (0..<2048).map { _ in [UInt8](repeating: 1, count: 16 << 10) }
    let objects = (0..<100_000).map { [$0] }
    guard blocks.count + objects.count == 102_048 else { throw Finding("an array lost elements") }
  }
}

/// This process's limit of addresses.
enum Limit {
  static func set(above room: Int) throws {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    guard let pages = text.split(separator: " ").first.flatMap({ Int($0) }) else {
      throw Skip("what this process maps is not told; mount /proc")
    }
    try set(rlim_t(pages * Int(getpagesize()) + room))
  }

  static func lift() throws { try set(nil) }

  private static func set(_ bytes: rlim_t?) throws {
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    limit.rlim_cur = bytes.map { min($0, limit.rlim_max) } ?? limit.rlim_max
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else {
      throw Finding("the limit of addresses could not be set: errno \(errno)")
    }
  }
}

/// Some that wait on their stacks, each for its own word.
private protocol Crowd {
  var count: Int { get }

  /// - Throws: When there is no stack for another one.
  mutating func add() throws

  /// Asks each one, and looks at its canary.
  func check(_ trial: Trial) throws

  /// Ends all, or every second one.
  mutating func end(all: Bool)
}

private struct CoroutineCrowd: Crowd {
  private let pool: StackPool
  private var members: [Member<NativeBackend>] = []

  init(_ pool: StackPool, _ most: Int) {
    self.pool = pool
    members.reserveCapacity(most)
  }

  var count: Int { members.count }

  mutating func add() throws {
    let one = try Member<NativeBackend>(on: pool, body: CanaryBody())
    _ = try one.resume(members.count)
    members.append(one)
  }

  func check(_ trial: Trial) throws {
    for (number, one) in members.enumerated() {
      try trial.expect(try one.resume(number), is: -number, "a coroutine's answer")
    }
  }

  mutating func end(all: Bool) { members.end(all: all) }
}

private struct GreenletCrowd: Crowd {
  private let pool: StackPool
  private var members: [Greenlet] = []

  init(_ pool: StackPool, _ most: Int) {
    self.pool = pool
    members.reserveCapacity(most)
  }

  var count: Int { members.count }

  mutating func add() throws {
    let main = Greenlet.current
    let one = Greenlet(stacks: .pool(pool)) { (first: Int) throws -> Int in
      var (words, word) = (Canary.blank, first)
      Canary.arm(&words, 1)
      while true {
        word = try main.switch(-word)
        try Canary.check(&words, 1)
      }
    }
    _ = try one.switch(members.count) as Int
    members.append(one)
  }

  func check(_ trial: Trial) throws {
    for (number, one) in members.enumerated() {
      try trial.expect(try one.switch(number), is: -number, "a greenlet's answer")
    }
  }

  mutating func end(all: Bool) { members.end(all: all) }
}

extension Array {
  /// Lets go of all, or of every second one.
  fileprivate mutating func end(all: Bool) {
    if all { return removeAll() }
    var place = 0
    removeAll { _ in
      place += 1
      return place % 2 == 0
    }
  }
}

/// Answers with the word's negative, and looks at its own canary.
private struct CanaryBody: ContextBody {
  func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int {
    var (words, word) = (Canary.blank, word)
    Canary.arm(&words, 1)
    while true {
      word = try suspender.suspend(-word)
      try Canary.check(&words, 1)
    }
  }
}
