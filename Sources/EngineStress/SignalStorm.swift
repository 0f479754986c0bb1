// Signals by the thousand while greenlets switch: nothing that they hold may change by it.

import Backends
import CFaults
import CRegisters
import Foundation
import Stacks
import StressKit

/// Timers at 1 to 10 kHz whose handlers spoil registers, during switches of every kind.
struct SignalStorm: StressClass {
  let about = StressClassAbout(
    name: "signal-storm",
    injection: "SIGALRM and SIGPROF at 1 to 10 kHz, handled on a signal stack or on what runs",
    expectation: "registers and answers as without; no call interrupted; the signal mask unchanged",
    goal: "10 minutes, 0 mismatches",
    unit: "signals",
    trials: TrialCounts(pr: 2 * Scene.all.count, nightly: 72 * Scene.all.count))

  /// What is done meanwhile.
  enum Scene {
    case bare(Int32)
    case walk(RegisterWalk)

    /// Stacks are made, frozen, trimmed and given up.
    case churn

    static let all: [Scene] =
      (0..<Int32(gb_ways)).map { .bare($0) } + Registers.Way.walks.map { .walk($0) } + [
        .walk(RegisterWalk(ThreadBackend.self, owns: true, cost: 100)), .churn,
      ]
  }

  /// Signals of a trial; a machine that is busy takes longer for them.
  private static let signals = 800

  /// How long a trial goes on at least: those of a night come to ten minutes.
  private static func secondsMin(_ profile: StressProfile) -> Double {
    profile == .pr ? 0 : 600 / Double(72 * Scene.all.count)
  }

  /// Switches between two looks at the count of signals.
  private static let switches = 20_000

  func run(_ trial: Trial) throws {
    let scene = Scene.all[trial.index % Scene.all.count]
    let isOnSignalStack = Bool.random(using: &trial.generator)
    let every = [
      UInt64.random(in: 100_000...1_000_000, using: &trial.generator),
      UInt64.random(in: 100_000...1_000_000, using: &trial.generator),
    ]
    trial.tell("\(scene), every \(every) ns, \(isOnSignalStack ? "on a signal stack" : "anywhere")")
    // What is made once is made before: a first use may set signals up, too.
    try play(scene, 200, trial, isStorming: false)
    let failure = unsafe every.withUnsafeBufferPointer {
      // SAFETY: two numbers, which are copied.
      unsafe gb_storm_begin($0.baseAddress, isOnSignalStack)
    }
    if failure == ENOTSUP { throw Skip("signals to one thread; Linux has timers that send them") }
    guard failure == 0 else { throw Finding("no storm could be made: errno \(failure)") }
    defer { gb_storm_end() }
    var rounds = 0
    let start = ContinuousClock.now
    let least = Duration.seconds(Self.secondsMin(trial.profile))
    while gb_storm_handled() < Self.signals || .now - start < least {
      try play(scene, Self.switches, trial)
      rounds += 1
    }
    try trial.expect(gb_mask_is_usual(), "the signal mask is another one after \(rounds) rounds")
    trial.count(Int(gb_storm_handled()))
  }

  private func play(
    _ scene: Scene, _ switches: Int, _ trial: Trial, isStorming: Bool = true
  ) throws {
    let seed = trial.generator.next()
    switch scene {
    case .bare(let way): _ = try Registers.walk(way, switches, seed)
    case .walk(let walk):
      var count = 0
      _ = try walk.run(switches: max(200, switches / walk.cost), seed: seed) {
        count += 1
        // A system call: not after every switch.
        guard isStorming, count % 64 == 0, !gb_mask_is_usual() else { return }
        throw Finding("the signal mask is another one after \(count) switches")
      }
    case .churn: try churn(seed, trial)
    }
  }

  private func churn(_ seed: UInt64, _ trial: Trial) throws {
    var generator = TrialGenerator(seed: seed)
    var options = StackPoolOptions()
    options.stackGuard = RandomChoice.stackGuard(&generator)
    options.highWater = 32
    options.lowWater = 8
    let pool = StackPool(
      source: try RandomChoice.source(&generator).make(), stackSize: .kibibytes(64),
      options: options)
    let bench = EngineBench(pool)
    for _ in 0..<40 {
      let step = BenchStep(&generator)
      try bench.make(step)
      if let error = bench.takeErrors().first { throw Finding("\(step) ended with \(error)") }
    }
    try bench.check(trial)
    try bench.end(trial)
  }
}
