// `greenbench run`: measures, stores and shows one session.

import ArgumentParser
import BenchmarkRunner
import Dispatch
import Executor
import Foundation
import Glibc
import Reports
import ResultStore
import Synchronization

/// `greenbench run <workload|file.yaml>`.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Measures a workload on several backends, interleaved.")

  @Argument(help: "A workload's name, or the path of a scenario file (.yaml).")
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

  @Flag(help: "Print one JSON document.")
  var json = false

  @Flag(help: "Print nothing but the session's id.")
  var quiet = false

  @OptionGroup var store: StoreOptions
  @OptionGroup var worker: WorkerOptions

  func validate() throws {
    if json, quiet { throw ValidationError("--json and --quiet exclude each other") }
    if let backend, Self.words(backend).isEmpty {
      throw ValidationError("--backend is empty; name one or more, as in native,ucontext")
    }
    if let stack, Self.words(stack).isEmpty {
      throw ValidationError("--stack is empty; give a size, as in 64KiB")
    }
  }

  func run() async throws {
    let scenario = try scenario()
    let stop = StopFlag()
    let signals = StopSignals(stop)
    defer { withExtendedLifetime(signals) {} }
    let results = try ResultStore(path: store.file, readOnly: false)
    let line = ProgressLine(shown: !quiet && isatty(STDERR_FILENO) == 1)
    let record: SessionRecord
    do {
      record = try await worker.runner.run(
        scenario, commandLine: CommandLine.arguments.joined(separator: " "),
        source: Stamp.source(of: worker.path),
        hooks: RunHooks(progress: { line.show($0) }, shouldStop: { stop.isUp }))
    } catch {
      line.clear()
      throw error
    }
    line.clear()
    // The document is printed even if it cannot be kept: it took minutes to measure.
    let kept = Result { () throws(StoreError) in try results.append(record) }
    try show(record.report)
    try kept.get()
    try conclude(record.report)
  }

  private func scenario() throws(RunnerError) -> Scenario {
    var scenario: Scenario
    let random = Scenario.randomSeed()
    if workload.hasSuffix(".yaml") || workload.hasSuffix(".yml") || workload.contains("/") {
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
        throw .badQuantity(what: "--seed", text: seed, wanted: SeedText.form)
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

  private func show(_ report: RunReport) throws {
    if quiet {
      print(report.session)
    } else if json {
      print(try RunDocument.json(report))
    } else {
      print(
        ReportTable.text(
          report, width: Terminal.width, colour: Terminal.hasColour))
    }
  }

  private func conclude(_ report: RunReport) throws {
    guard report.exit != ExitCodes.ok.rawValue else { return }
    let id = report.session
    switch report.verdict {
    case .interrupted:
      GreenbenchCommand.complain(
        "interrupted; its complete blocks are stored, see `greenbench show \(id)`")
    case .ok, .failed:
      let failed = report.rows.count { $0.status != .ok }
      GreenbenchCommand.complain(
        failed == 0
          ? "nothing was measured; ask for more blocks"
          : "\(failed) of \(report.rows.count) rows failed; see `greenbench show \(id)`")
    }
    throw ExitCode(report.exit)
  }
}

/// Whether somebody asked the run to stop.
private final class StopFlag: Sendable {
  private let asked = Atomic(0)

  var isUp: Bool { asked.load(ordering: .relaxed) > 0 }

  /// Counts how often it was raised.
  func raise() -> Int { asked.add(1, ordering: .relaxed).newValue }
}

/// Raises a flag at Ctrl-C and SIGTERM, as long as it lives.
private final class StopSignals {
  private let sources: [any DispatchSourceSignal]

  init(_ flag: StopFlag) {
    sources = [SIGINT, SIGTERM].map { number in
      _ = signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        // The second time somebody is in a hurry; the worker ends when its input does.
        if flag.raise() > 1 { _exit(ExitCodes.interrupted.rawValue) }
      }
      source.resume()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
  }
}
