// Exclusive accesses that are open while greenlets and coroutines switch.

import CSanitizers
import Greenlets
import Stacks
import StressKit

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Opens accesses at random, several of one variable on different stacks, and once in a child two of
/// one greenlet.
struct Exclusivity: StressClass {
  let about = StressClassAbout(
    name: "exclusivity",
    injection: "switches, kills and coroutines in the middle of exclusive accesses",
    expectation:
      "accesses of other stacks are no conflict; two of one greenlet still end the process",
    goal: "no false conflict, no missed one",
    unit: "accesses",
    trials: TrialCounts(pr: 100, nightly: 5000))

  /// How many steps a trial has.
  static let steps = 400

  func run(_ trial: Trial) throws {
    let all = (0..<Self.steps).map { _ in AccessStep.random(&trial.generator) }
    let steps = trial.steps(of: all.count).map { all[$0] }
    try StressThread.run {
      let player = AccessPlayer(steps, endsInConflict: false) { step in
        if trial.isAloud { trial.tell("\(step)") }
      }
      try player.play()
      trial.count(player.accesses)
    }
    guard !gb_sanitizers_are_on() else { return }
    // The same, and when all steps are made the last one that runs opens what it has open already.
    let outcome = try ForkedChild.run {
      do {
        try AccessPlayer(steps, endsInConflict: true) { _ in }.play()
      } catch { _exit(3) }
    }
    let isTrap = [SIGABRT, SIGILL, SIGTRAP].contains { outcome.end == 256 + $0 }
    try trial.expect(
      isTrap && outcome.said.contains("requires exclusive access"),
      "two accesses of one greenlet ended with \(outcome.end): \(outcome.said)")
  }
}

/// What whoever runs does next.
enum AccessStep: Hashable {
  /// Begins an access of a variable, and goes on within it; ends the innermost one.
  case open(Int)
  case close
  case change(Int)
  case kill(Int)

  /// Has a coroutine begin an access, and goes on while that one is suspended within it.
  case coroutine(Int)

  static let variables = 4
  static let greenlets = 5

  static func random(_ generator: inout TrialGenerator) -> AccessStep {
    let variable = Int.random(in: 0..<variables, using: &generator)
    let greenlet = Int.random(in: 0..<greenlets, using: &generator)
    return switch Int.random(in: 0..<100, using: &generator) {
    case 0..<30: .open(variable)
    case 30..<50: .close
    case 50..<92: .change(greenlet)
    case 92: .kill(greenlet)
    default: .coroutine(variable)
    }
  }
}

/// One run; whoever is current takes the next step.
final class AccessPlayer {
  private final class Variable { var value = 0 }

  private let variables = (0..<AccessStep.variables).map { _ in Variable() }
  private let pool = StackPool(stackSize: .kibibytes(256))
  private let steps: [AccessStep]
  private let endsInConflict: Bool
  private let tell: (AccessStep) -> Void
  private var cursor = 0
  private var greenlets: [Greenlet] = []
  private(set) var accesses = 0

  /// How deep a stack may get.
  private static let depthMax = 40

  init(_ steps: [AccessStep], endsInConflict: Bool, tell: @escaping (AccessStep) -> Void) {
    self.steps = steps
    self.endsInConflict = endsInConflict
    self.tell = tell
  }

  func play() throws {
    let others = (1..<AccessStep.greenlets).map { number in
      Greenlet("\(number)", stacks: .pool(pool)) {
        try self.act(number, open: [], depth: 0)
        if self.endsInConflict { self.conflict() }
      }
    }
    greenlets = [Greenlet.main] + others
    defer { greenlets = [] }
    while cursor < steps.count {
      do { try act(0, open: [], depth: 0) } catch is GreenletExit {
        // Main was killed: that is an exit, here.
      }
    }
    for one in others { try one.kill() }
    // Nothing is open any more: a note that was forgotten would be a conflict now.
    for variable in variables { modify(&variable.value) {} }
    for number in variables.indices {
      try Greenlet(stacks: .pool(pool)) { self.modify(&self.variables[number].value) {} }.switch()
    }
    if endsInConflict { conflict() }
  }

  /// Two accesses of one variable, with a switch between them.
  private func conflict() {
    modify(&variables[0].value) {
      do { try Greenlet(stacks: .pool(pool)) { 1 }.switch() } catch {
        // Without the switch there is no conflict below, and the child that does not die is the finding.
      }
      modify(&variables[0].value) {}
    }
  }

  private func act(_ me: Int, open: Set<Int>, depth: Int) throws {
    while cursor < steps.count {
      let step = steps[cursor]
      cursor += 1
      tell(step)
      switch step {
      case .open(let number) where !open.contains(number) && depth < Self.depthMax:
        accesses += 1
        try modify(&variables[number].value) {
          try act(me, open: open.union([number]), depth: depth + 1)
        }
      case .close where !open.isEmpty: return
      case .change(let other): try greenlets[other].switch()
      case .kill(let other): try greenlets[other].kill()
      case .coroutine(let number) where depth < Self.depthMax:
        try aside(number, me, open: open, depth: depth)
      default: continue
      }
    }
  }

  /// A coroutine's accesses are no conflict with those of who resumes it, and the other way around.
  private func aside(_ number: Int, _ me: Int, open: Set<Int>, depth: Int) throws {
    let coroutine = try Coroutine<Int, Int>(on: pool) { suspender, first in
      self.accesses += 1
      try self.modify(&self.variables[number].value) { _ = try suspender.suspend(first) }
      return first
    }
    _ = try coroutine.resume(1)
    // What is opened there is open here only if we opened it ourselves.
    try act(me, open: open, depth: depth + 1)
    if !coroutine.isFinished { _ = try coroutine.resume(2) }
  }

  /// The runtime notes the access in this frame while `act` goes on.
  @inline(never) private func modify(_ value: inout Int, _ act: () throws -> Void) rethrows {
    value &+= 1
    try act()
    value &+= 1
  }
}
