// `greenbench workload`: what can be measured.

import ArgumentParser
import BenchmarkRunner
import Reports

/// `greenbench workload list | describe <name>`.
struct WorkloadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workload", abstract: "Lists and describes workloads.",
    subcommands: [List.self, Describe.self], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists the workloads.")

    @OptionGroup var worker: WorkerOptions

    @Flag(help: "Print one JSON document.")
    var json = false

    func run() async throws {
      let workloads = try await worker.runner.greet().listedWorkloads
      if json { return print(try JSONDocument.text(workloads)) }
      print(Columns.text(workloads.map { [$0.name, $0.summary] }))
    }
  }

  struct Describe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Describes a workload and its parameters.")

    @Argument(help: "The workload's name.")
    var name: String

    @OptionGroup var worker: WorkerOptions

    @Flag(help: "Print one JSON document.")
    var json = false

    func run() async throws {
      let workloads = try await worker.runner.greet().workloads
      guard let found = workloads.first(where: { $0.name == name }) else {
        throw RunnerError.unknownWorkload(
          name,
          nearest: Nearest.name(
            to: name, among: workloads.filter { $0.isHidden != true }.map(\.name)))
      }
      if json { return print(try JSONDocument.text(found)) }
      print("\(found.name): \(found.summary)\nOne operation is one \(found.operation).")
      guard !found.parameters.isEmpty else { return }
      print("\nParameters:")
      print(
        Columns.text(
          found.parameters.map {
            ["  \($0.name)", "\($0.standard)", "\($0.least) to \($0.most)", $0.summary]
          }))
    }
  }
}

/// Words in columns.
enum Columns {
  /// Aligns rows to the left, two spaces between columns.
  static func text(_ rows: [[String]]) -> String {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { column, word in
        column == row.count - 1
          ? word : word + String(repeating: " ", count: widths[column] - word.count)
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
