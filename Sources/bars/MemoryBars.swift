// Bars of memory: a million suspended greenlets under each strategy, pools, trims.

import CLimits
import Foundation
import Greenlets
import Measurement
import Stacks

#if GB_JEMALLOC
  import JemallocStacks
#endif

/// Area `memory`.
enum MemoryBars {
  static func run() throws -> [Bar] {
    // A million stacks touch 4 GiB.
    let most = ProcessInfo.processInfo.physicalMemory >= 12 << 30 ? 1_000_000 : 100_000
    var bars: [Bar] = []
    bars += try guarded(most)
    bars += try small(most, "sliced", .sliced, isFrozen: false)
    bars += try small(most, "frozen", .dedicated(size: .kibibytes(16)), isFrozen: true)
    bars += try churn()
    bars += try lending()
    bars += try freezing()
    bars += try visits()
    return bars
  }

  /// Where slabs come from in this build.
  static func source() throws -> any StackSource {
    #if GB_JEMALLOC
      return try JemallocStackSource()
    #else
      return MappedStackSource()
    #endif
  }

  /// Everything that is free goes back to the system.
  static func settle() throws {
    try Greenlet.trim()
    #if GB_JEMALLOC
      try JemallocCounters.purgeAll()
    #endif
  }

  // MARK: - A million

  struct Outcome {
    var before = ProcessMemory.now()
    var during = ProcessMemory.now()
    var after = ProcessMemory.now()
    var perGreenlet: Double = 0
  }

  /// Adds its number to each message; suspended one frame deep.
  static func make(_ strategy: StackStrategy) -> Greenlet {
    Greenlet(stacks: strategy) { (first: Int) throws -> Int in
      let second: Int = try Greenlet.main.switch(first &+ 1)
      return second &* 3
    }
  }

  static func million(
    _ count: Int, _ strategy: StackStrategy, isFrozen: Bool
  ) throws -> Outcome {
    var outcome = Outcome()
    try settle()
    outcome.before = .now()
    try hold(count, strategy, isFrozen: isFrozen, &outcome)
    if case .pool(let pool) = strategy { try pool.trim() }
    try settle()
    outcome.after = .now()
    outcome.perGreenlet = Double(outcome.during.resident - outcome.before.resident) / Double(count)
    return outcome
  }

  @inline(never) static func hold(
    _ count: Int, _ strategy: StackStrategy, isFrozen: Bool, _ outcome: inout Outcome
  ) throws {
    var row: [Greenlet] = []
    row.reserveCapacity(count)
    for number in 0..<count {
      let one = make(strategy)
      let reply: Int = try one.switch(number)
      precondition(reply == number + 1, "a greenlet answered wrongly")
      if isFrozen { try one.freeze() }
      row.append(one)
    }
    outcome.during = .now()
    var sum = 0
    for number in 0..<count {
      let reply: Int = try row[number].switch(number)
      sum += reply
    }
    precondition(sum == 3 * count * (count - 1) / 2, "not all greenlets are alive")
  }

  static func guarded(_ count: Int) throws -> [Bar] {
    let pool = StackPool(source: try source(), stackSize: .kibibytes(16))
    // Once before, so that what is allocated only once is not counted.
    _ = try million(1000, .pool(pool), isFrozen: false)
    let outcome = try million(count, .pool(pool), isFrozen: false)
    let growth =
      100 * Double(outcome.after.resident - outcome.before.resident)
      / Double(outcome.before.resident)
    return [
      Bar(
        "\(count) guarded 16 KiB stacks, mappings", [Double(outcome.during.mappings)],
        atMost: 200, unit: ""),
      Bar(
        "the same, resident each", [outcome.perGreenlet], atMost: 4.4 * 1024, unit: "B"),
      Bar(
        "the same, page tables each",
        shown: [
          Double(outcome.during.pageTables - outcome.before.pageTables) / Double(count)
        ], unit: "B"),
      Bar("the same, resident after trimming", [growth], atMost: 5, unit: "%"),
    ]
  }

  static func small(
    _ count: Int, _ name: String, _ strategy: StackStrategy, isFrozen: Bool
  ) throws -> [Bar] {
    _ = try million(1000, strategy, isFrozen: isFrozen)
    let outcome = try million(count, strategy, isFrozen: isFrozen)
    let growth =
      100 * Double(outcome.after.resident - outcome.before.resident)
      / Double(outcome.before.resident)
    return [
      Bar("\(count) \(name), resident each", [outcome.perGreenlet], atMost: 500, unit: "B"),
      Bar("\(count) \(name), resident after trimming", [growth], atMost: 5, unit: "%"),
    ]
  }

  /// Creates and destroys greenlets one after the other.
  static func churn() throws -> [Bar] {
    func cycles(_ count: Int) throws {
      for number in 0..<count {
        let one = make(.dedicated(size: .kibibytes(16)))
        let reply: Int = try one.switch(number)
        precondition(reply == number + 1)
      }
    }
    try cycles(10_000)
    let before = ProcessMemory.now().resident
    try cycles(1_000_000)
    let growth = ProcessMemory.now().resident - before
    return [
      Bar(
        "1000000 greenlets made and ended, growth", [Double(growth) / 1024], atMost: 1024,
        unit: "KiB")
    ]
  }

  // MARK: - The pool

  static func lending() throws -> [Bar] {
    let pool = StackPool(source: try source(), stackSize: .kibibytes(64))
    pool.takeBack(try pool.lend())
    let calls = pool.counters.systemCalls
    let count = 1_000_000
    let figures = try (0..<9).map { _ in
      let limit = EngineBars.nanoseconds(per: count) { _ = gb_limit_paired(count / 2) }
      return try EngineBars.nanoseconds(per: count) {
        for _ in 0..<count { pool.takeBack(try pool.lend()) }
      } / limit
    }
    return [
      Bar("lend and take back / limit of a switch", figures, atMost: 10, unit: "x"),
      Bar(
        "system calls of 9000000 of them", [Double(pool.counters.systemCalls - calls)], atMost: 0,
        unit: ""),
    ]
  }

  /// What freezing and thawing cost, and a switch between two slices.
  static func freezing() throws -> [Bar] {
    let count = 20_000
    let one = Greenlet { (_: Void) throws -> Void in
      while true { try Greenlet.main.switch() }
    }
    try one.switch()
    var (freezes, thaws): ([Double], [Double]) = ([], [])
    for _ in 0..<5 {
      let both = try EngineBars.nanoseconds(per: count) {
        for _ in 0..<count {
          try one.freeze()
          try one.switch()
        }
      }
      let plain = try EngineBars.nanoseconds(per: count) {
        for _ in 0..<count { try one.switch() }
      }
      freezes.append(both - plain)
      thaws.append(plain)
    }
    var slices: [Double] = []
    // Both begin at the top of the shared stack: each is in the way of the other one.
    let pair = (0..<2).map { _ in
      Greenlet(stacks: .sliced) { (_: Void) throws -> Void in
        while true { try Greenlet.main.switch() }
      }
    }
    for _ in 0..<5 {
      slices.append(try EngineBars.nanoseconds(per: count) { try relay(pair[0], pair[1], count) })
    }
    return [
      Bar("freeze and thaw, with the page's fault", shown: freezes, unit: "ns"),
      Bar("there and back without freezing", shown: thaws, unit: "ns"),
      Bar("there and back, two slices in turn", shown: slices, unit: "ns"),
    ]
  }

  @inline(never) static func relay(
    _ first: Greenlet, _ second: Greenlet, _ count: Int
  ) throws {
    for _ in 0..<count / 2 {
      try first.switch()
      try second.switch()
    }
  }

  // MARK: - Many stacks in turn

  /// The coloured rows that others were measured at: ns a hop where the bare switch took 1.39 ns,
  /// 16 KiB stacks in sequence; see DECISIONS.md, 43.
  static let rows: [(count: Int, nanoseconds: Double)] = [
    (16, 4.62), (64, 4.61), (503, 11.01), (4096, 20.81),
  ]

  static func visits() throws -> [Bar] {
    try rows.map { count, nanoseconds in
      let row = try ShapeBars.Row(
        count, on: StackPool(source: try source(), stackSize: .kibibytes(16)))
      let rounds = max(1, 400_000 / count)
      _ = try row.pass(0)
      let figures = try (0..<9).map { _ in
        let limit = EngineBars.nanoseconds(per: 1_000_000) { _ = gb_limit_paired(500_000) }
        return try EngineBars.nanoseconds(per: count * rounds) {
          for _ in 0..<rounds { _ = try row.pass(0) }
        } / limit
      }
      return Bar(
        "\(count) stacks in sequence, a hop / limit", figures, atMost: nanoseconds / 1.39, unit: "x"
      )
    }
  }
}
