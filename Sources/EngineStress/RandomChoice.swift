// What trials choose at random: sources of memory, and pools with options.

import Stacks
import StressKit

enum RandomChoice {
  static func source(_ generator: inout TrialGenerator) throws -> Source {
    guard let source = Source.all.randomElement(using: &generator) else {
      throw Finding("there is no source of stacks")
    }
    return source
  }

  static func stackGuard(_ generator: inout TrialGenerator) -> StackGuard {
    [StackGuard.best, .protection, .canary][Int.random(in: 0..<3, using: &generator)]
  }
}
