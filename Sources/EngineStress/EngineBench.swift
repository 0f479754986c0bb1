// A pool with greenlets on it that a schedule plays with: what fails is kept, and what is left is counted.

import Backends
import Foundation
import Greenlets
import Stacks
import StressKit
import WorkloadKit

/// What a schedule does with a pool.
enum BenchStep: CustomStringConvertible {
  /// Starts so many greenlets, which answer words from then on.
  case start(Int)
  case resume(Int)
  case finish(Int)
  case kill(Int)
  case freeze(Int)
  case trim(keeping: Int)
  case prewarm(Int)

  /// Makes a coroutine, resumes it so often, and lets it go.
  case coroutine(Int)

  /// Kills all, and gives all memory back.
  case endAll

  init(_ generator: inout TrialGenerator) {
    let number = Int.random(in: 0..<24, using: &generator)
    self =
      switch Int.random(in: 0..<12, using: &generator) {
      case 0...2: .start(1 + number)
      case 3...4: .resume(number)
      case 5: .finish(number)
      case 6: .kill(number)
      case 7...8: .freeze(number)
      case 9: .trim(keeping: number / 4)
      case 10: .prewarm(min(number, EngineBench.highWaterLeast))
      default: .coroutine(1 + number % 4)
      }
  }

  var description: String {
    switch self {
    case .start(let count): "start \(count)"
    case .resume(let number): "resume \(number)"
    case .finish(let number): "finish \(number)"
    case .kill(let number): "kill \(number)"
    case .freeze(let number): "freeze \(number)"
    case .trim(let keep): "trim, keeping \(keep)"
    case .prewarm(let count): "prewarm \(count)"
    case .coroutine(let count): "a coroutine, resumed \(count) times"
    case .endAll: "end all"
    }
  }
}

/// A pool with greenlets on it.
final class EngineBench {
  static let highWaterLeast = 8

  /// An error that is injected; nobody else throws it.
  struct Injected: Error {}

  let pool: StackPool

  /// What was thrown since it was last looked at.
  private(set) var errors: [any Error] = []
  private var greenlets: [Greenlet] = []

  init(_ pool: StackPool) { self.pool = pool }

  /// Makes a step.
  ///
  /// - Throws: `Finding`: a wrong answer, or an error that is of no type of the engine's.
  func make(_ step: BenchStep) throws {
    do { try attempt(step) } catch {
      guard error is GreenletError || error is StackError || error is Injected else {
        throw Finding("\(step) ended with \(error)")
      }
      errors.append(error)
    }
    greenlets.removeAll { $0.isDead }
  }

  /// The errors so far, which are forgotten.
  func takeErrors() -> [any Error] {
    defer { errors = [] }
    return errors
  }

  /// Looks at what there is: each stack of the pool is idle or a greenlet's, and all answer.
  func check(_ trial: Trial) throws {
    try trial.expect(pool.lentCount, is: greenlets.count, "stacks that are lent")
    for one in greenlets { try answer(of: one, to: 7) }
  }

  /// Resumes all, and keeps what they throw.
  func askAll() throws {
    for number in greenlets.indices.reversed() { try make(.resume(number)) }
  }

  /// Ends all.
  func end(_ trial: Trial) throws {
    greenlets = []
    try pool.trim()
    try AddressLimit.expectEmpty(pool, trial)
  }

  private func attempt(_ step: BenchStep) throws {
    switch step {
    case .start(let count):
      for _ in 0..<count { try start() }
    case .resume(let number):
      if let one = one(number) { try answer(of: one, to: number + 1) }
    case .finish(let number):
      if let one = one(number) { try answer(of: one, to: 0) }
    case .kill(let number):
      try one(number)?.kill()
    case .freeze(let number):
      try one(number)?.freeze()
    case .trim(let keep):
      try pool.trim(keeping: keep)
    case .prewarm(let count):
      try pool.prewarm(count)
    case .coroutine(let count):
      let one = try Member<NativeBackend>(on: pool, body: Negating())
      for word in 1...count {
        let reply = try one.resume(word)
        if reply != -word { throw Finding("a coroutine answered \(reply) to \(word)") }
      }
    case .endAll:
      for one in greenlets { try one.kill() }
      try checkGuards()
      try pool.trim()
    }
  }

  /// Looks whether the kernel refuses to read the guard of each idle stack.
  private func checkGuards() throws {
    let pipe = Pipe()
    let descriptor = pipe.fileHandleForWriting.fileDescriptor
    try withExtendedLifetime(pipe) { try checkGuards(pool.idleCount, descriptor) }
  }

  private func checkGuards(_ count: Int, _ pipe: Int32) throws {
    guard count > 0 else { return }
    let stack = try pool.lend()
    // SAFETY: the kernel reads, and says so where it may not.
    let isOpen = unsafe stack.guardSize.bytes > 0 && write(pipe, stack.base, 1) == 1
    do { try checkGuards(count - 1, pipe) } catch {
      pool.takeBack(stack)
      throw error
    }
    pool.takeBack(stack)
    if isOpen { throw Finding("an idle stack has no guard in place") }
  }

  private func one(_ number: Int) -> Greenlet? {
    greenlets.isEmpty ? nil : greenlets[number % greenlets.count]
  }

  private func start() throws {
    let main = Greenlet.current
    let one = Greenlet(stacks: .pool(pool)) { (first: Int) throws -> Int in
      var (words, word) = (Canary.blank, first)
      Canary.arm(&words, 1)
      while word != 0 {
        word = try main.switch(-word)
        try Canary.check(&words, 1)
      }
      return 0
    }
    // Held before it is started: one that starts and is not heard of is counted, too.
    greenlets.append(one)
    defer { if !one.isActive { greenlets.removeLast() } }
    try answer(of: one, to: 1)
  }

  private func answer(of one: Greenlet, to word: Int) throws {
    let reply: Int = try one.switch(word)
    guard reply == -word else { throw Finding("\(one) answered \(reply) to \(word)") }
  }
}

private struct Negating: ContextBody {
  func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int {
    var word = word
    while true { word = try suspender.suspend(-word) }
  }
}
