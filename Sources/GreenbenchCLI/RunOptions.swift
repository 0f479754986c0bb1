// The options that say what to measure: the same for a run now and for one by the clock.

import ArgumentParser
import BenchmarkRunner
import Foundation
import Reports

/// A scenario, as the command line describes it.
struct RunOptions: ParsableArguments {
  @Argument(
    help: "A workload's name, a scenario file (.yaml), or @name for one of the folder workloads.")
  var workload: String

  @Option(help: "Backends, separated by commas; ratios are to the first. All if not given.")
  var backend: String?

  @Option(
    name: [.customShort("p"), .customLong("parameter")],
    help: "A parameter, as in rounds=1000 or rounds=10,1000. Several values make a matrix.")
  var parameters: [String] = []

  @Option(help: "Stack sizes, separated by commas, as in 64KiB or mapped:64KiB.")
  var stack: String?

  @Option(help: "Seed of orders and workloads. Random if not given.")
  var seed: String?

  @Option(help: "How many blocks; every backend is visited twice in each.")
  var blocks: Int?

  @Flag(help: "Measure briefly, for an order of magnitude.")
  var quick = false

  func validate() throws {
    if let backend, Self.words(backend).isEmpty {
      throw ValidationError("--backend is empty; name one or more, as in native,ucontext")
    }
    if let stack, Self.words(stack).isEmpty {
      throw ValidationError("--stack is empty; give a size, as in 64KiB")
    }
  }

  /// Puts the scenario together; its names are not compared with what a worker has.
  ///
  /// - Throws: `RunnerError` or `UnknownScenario`.
  func scenario() throws -> Scenario {
    var scenario: Scenario
    let random = Scenario.randomSeed()
    if workload.hasPrefix("@") {
      scenario = try ScenarioFile.read(NamedScenario.path(of: workload), seed: random)
    } else if workload.hasSuffix(".yaml") || workload.hasSuffix(".yml") || workload.contains("/") {
      scenario = try ScenarioFile.read(workload, seed: random)
    } else {
      scenario = Scenario(workload: workload, seed: random)
    }
    if quick { scenario.shorten() }
    if let backend { scenario.backends = Self.words(backend) }
    if let stack { scenario.stacks = Self.words(stack) }
    if let blocks { scenario.blocks = blocks }
    if let seed {
      guard let value = SeedText.parse(seed) else {
        throw RunnerError.badQuantity(what: "--seed", text: seed, wanted: SeedText.form)
      }
      scenario.seed = value
    }
    try override(&scenario.parameters)
    return scenario
  }

  private func override(_ parameters: inout [String: [Int]]) throws(RunnerError) {
    var given: [String: [Int]] = [:]
    for option in self.parameters {
      // A word without a name is one more value of the name before it: rounds=10,20.
      var name: String?
      for text in Self.words(option) {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        if parts.count == 2 { name = parts[0] }
        guard let name else {
          throw .badQuantity(what: "-p", text: text, wanted: "name=value, as in rounds=1000")
        }
        guard let value = Quantity.integer(parts[parts.count - 1]) else {
          throw .badQuantity(
            what: name, text: parts[parts.count - 1], wanted: Quantity.integerForm)
        }
        if given[name]?.contains(value) != true { given[name, default: []].append(value) }
      }
    }
    parameters.merge(given) { $1 }
  }

  private static func words(_ text: String) -> [String] {
    text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
  }
}
