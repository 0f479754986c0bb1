// `greenbench backend`: what can be compared.

import ArgumentParser
import BenchmarkRunner
import Executor
import Reports

/// `greenbench backend list`.
struct BackendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backend", abstract: "Lists backends.", subcommands: [List.self],
    defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists the backends.")

    @OptionGroup var worker: WorkerOptions

    @Flag(help: "Print one JSON document.")
    var json = false

    func run() async throws {
      let backends = try await worker.runner.greet().backends
      if json { return print(try JSONDocument.text(backends)) }
      print(
        Columns.text(
          backends.map {
            [$0.name, $0.switchesInKernel ? "kernel" : "user space", $0.summary]
          }))
    }
  }
}

/// Which program runs the workloads.
struct WorkerOptions: ParsableArguments {
  @Option(
    name: .customLong("worker"), help: .init("A program to use as the worker.", visibility: .hidden)
  )
  var executable: String?

  var path: String { executable ?? ThisProgram.path }

  var runner: BenchmarkRunner {
    let path = path
    return BenchmarkRunner { await WorkerProcess.launch(path) }
  }
}
