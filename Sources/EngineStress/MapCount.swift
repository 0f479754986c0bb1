// vm.max_map_count: stacks are refused before the process has no mapping left, and marks take none.

import CFaults
import Foundation
import Greenlets
import Stacks
import StressKit

/// Makes stacks until the mappings run out; and a great many of those that need none.
struct MapCount: StressClass {
  let about = StressClassAbout(
    name: "map-count",
    injection: "mprotect guards until vm.max_map_count; 10^5 to 10^6 stacks with marks",
    expectation:
      "a typed error that names the limit, a report that works; < 100 mappings for marks",
    goal: "10^6 stacks in < 100 mappings, a typed error otherwise",
    unit: "stacks",
    trials: TrialCounts(pr: Kind.allCases.count, nightly: 10 * Kind.allCases.count),
    secondsMax: 240)

  enum Kind: CaseIterable {
    /// Guards until the engine's own reserve is reached.
    case budget

    /// The same, but somebody else has taken most of the mappings.
    case crowded
    case marks
  }

  private static let stackSize = ByteCount.kibibytes(16)

  /// A limit above this is none that stacks reach.
  private static let limitMost = 262_144
  private static let refused: Int32 = 77

  func run(_ trial: Trial) throws {
    let kind = Kind.allCases[trial.index % Kind.allCases.count]
    trial.tell("\(kind)")
    switch kind {
    case .budget: try budget(trial, try Self.limit())
    case .crowded: try crowded(trial, try Self.limit())
    case .marks: try marks(trial)
    }
  }

  private static func limit() throws -> Int {
    let text = try String(contentsOfFile: "/proc/sys/vm/max_map_count", encoding: .utf8)
    guard let limit = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)), limit <= limitMost
    else { throw Skip("vm.max_map_count is \(text); set it to 65530") }
    return limit
  }

  private static func pool(most: Int) -> StackPool {
    var options = StackPoolOptions()
    (options.highWater, options.lowWater) = (most, most)
    return StackPool(stackSize: stackSize, options: options)
  }

  /// The mappings of this process.
  private static func mappings() throws -> Int {
    try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).utf8.count { $0 == 10 }
  }

  /// In the child: until the engine refuses, then an overflow, which must be told all the same.
  private func budget(_ trial: Trial, _ limit: Int) throws {
    let outcome = try ForkedChild.run {
      guard Guards.protected.arePresent() else { _exit(Self.refused) }
      let pool = Self.pool(most: limit)
      do {
        try pool.prewarm(limit)
      } catch {
        FileHandle.standardError.write(
          Data("made \(pool.counters.owned) of \(pool.counters.idle): \(error)\n".utf8))
      }
      guard OverflowReport.enable() else { return }
      gb_on_thread {}
      let one = Greenlet("last", stacks: .pool(pool)) { Digging.narrow(1) }
      // It overflows: nothing is thrown, and nothing is returned.
      _ = try? one.switch() as Int
    }
    if outcome.end == Self.refused { throw Skip(Guards.protected.howToHave) }
    let made = outcome.said.firstMatch(of: #/made (\d+) of (\d+): /#)
    let count = made.flatMap { Int($0.1) } ?? 0
    try trial.expect(
      count > limit / 4 && made?.1 == made?.2
        && outcome.said.contains("close to the limit of \(limit) mappings"),
      "no error of the limit of \(limit) mappings: \(outcome.said)")
    try trial.expect(
      outcome.end == 256 + SIGSEGV
        && outcome.said.contains("greenlets: stack overflow in \"last\""),
      "no report of an overflow with \(count) stacks; it ended with \(outcome.end)")
    trial.count(count)
    trial.figure("stacks with mprotect", Double(count))
  }

  /// In the child: the kernel refuses before the engine does.
  private func crowded(_ trial: Trial, _ limit: Int) throws {
    try ForkedChild.finish(trial) { trial in
      guard Guards.protected.arePresent() else { throw Skip(Guards.protected.howToHave) }
      let pool = Self.pool(most: limit)
      try pool.prewarm(16)
      guard gb_take_mappings(limit, 256) > 0 else { throw Finding("no mappings could be taken") }
      let failure = Result { try pool.prewarm(4096) }
      gb_give_mappings_back()
      switch failure {
      case .failure(StackError.guardFailed(ENOMEM)),
        .failure(
          StackError.allocationFailed(_, _, ENOMEM)):
        trial.count()
      default: throw Finding("no error of the kernel's where no mapping was left: \(failure)")
      }
      let made = pool.counters.owned
      try trial.expect(pool.counters.idle, is: made, "idle stacks after a refusal")
      try pool.prewarm(4096)
      try trial.expect(pool.counters.idle, is: 4096, "stacks after the mappings came back")
      try pool.trim()
      try AddressLimit.expectEmpty(pool, trial)
      trial.count(4096)
    }
  }

  /// In a child, too: this process must not have asked what guards there are.
  private func marks(_ trial: Trial) throws {
    let count = trial.profile == .pr ? 100_000 : 1_000_000
    try ForkedChild.finish(trial) { trial in
      guard StackGuard.best == .marks else { throw Skip(Guards.pages.howToHave) }
      let available = Self.availableBytes()
      // A page for each head, and the kernel's tables of them.
      guard available > count * 6144 else {
        throw Skip("\(count) stacks want \(count * 6144 >> 20) MB; \(available >> 20) are free")
      }
      let pool = Self.pool(most: count)
      let before = try Self.mappings()
      try pool.prewarm(count)
      let more = try Self.mappings() - before
      try trial.expect(pool.counters.idle, is: count, "stacks")
      try trial.expect(more < 100, "\(more) mappings for \(count) stacks with marks")
      trial.figure("mappings", Double(more))
      try Self.use(pool, trial)
      try pool.trim()
      try AddressLimit.expectEmpty(pool, trial)
      trial.count(count)
    }
  }

  /// Some of the stacks are used, all at once.
  private static func use(_ pool: StackPool, _ trial: Trial) throws {
    let bench = EngineBench(pool)
    try bench.make(.start(2000))
    if let error = bench.takeErrors().first { throw error }
    try bench.check(trial)
  }

  private static func availableBytes() -> Int {
    // Without the file nothing is known, and nothing is tried.
    let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    return text.firstMatch(of: /MemAvailable: +(\d+) kB/).flatMap { Int($0.1) }.map { $0 << 10 }
      ?? 0
  }
}
