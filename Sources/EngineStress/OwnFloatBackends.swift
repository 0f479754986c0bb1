// Coroutines and greenlets that asked for floating-point control words of their own.

import Greenlets
import Stacks
import WorkloadKit

/// `Coroutine` with control words of its own.
struct OwnFloatCoroutine: SwitchBackend, ~Copyable {
  private let coroutine: Coroutine<Int, Int>

  static var name: String { "native-own" }
  static var summary: String { "coroutines with control words of their own" }
  static var switchesInKernel: Bool { false }

  init(on stacks: StackPool, body: some ContextBody) throws {
    coroutine = try Coroutine(on: stacks, floatEnvironment: .own) { suspender, word in
      try body.run(Way(engine: suspender), word)
    }
  }

  borrowing func resume(_ word: Int) throws -> Int { try coroutine.resume(word).value }

  var isFinished: Bool { coroutine.isFinished }

  private struct Way: WordSuspender {
    let engine: Greenlets.Suspender<Int, Int>

    func suspend(_ word: Int) throws -> Int { try engine.suspend(word) }
  }
}

/// `Greenlet` with control words of its own.
struct OwnFloatGreenlet: SwitchBackend, ~Copyable {
  private let greenlet: Greenlet

  static var name: String { "greenlet-own" }
  static var summary: String { "greenlets with control words of their own" }
  static var switchesInKernel: Bool { false }

  init(on stacks: StackPool, body: some ContextBody) throws {
    let resumer = Greenlet.current
    greenlet = Greenlet(parent: resumer, stacks: .pool(stacks), floatEnvironment: .own) {
      (word: Int) throws -> Int in
      try body.run(Way(resumer: resumer), word)
    }
  }

  borrowing func resume(_ word: Int) throws -> Int { try greenlet.switch(word) }

  var isFinished: Bool { greenlet.isDead }

  private struct Way: WordSuspender {
    let resumer: Greenlet

    func suspend(_ word: Int) throws -> Int { try resumer.switch(word) }
  }
}
