// `greenbench run`: measures, stores and shows one session, here or in the daemon.

import ArgumentParser
import BenchmarkRunner
import Executor
import Foundation
import Glibc
import Reports
import ResultStore

/// `greenbench run <workload|file.yaml|@name>`.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Measures a workload on several backends, interleaved.",
    discussion: """
      The daemon measures if one of this version runs with the same store; otherwise this process \
      does. Both store the same rows, and end with the same output and exit code.

      Ctrl-C stops the run, and complete blocks are stored; the second Ctrl-C does not wait for \
      that. The daemon cancels the job, too, when this process is killed (SIGKILL).
      """)

  @OptionGroup var options: RunOptions
  @OptionGroup var job: JobOptions
  @OptionGroup var output: ReportOutput
  @OptionGroup var store: StoreOptions
  @OptionGroup var daemon: DaemonOptions
  @OptionGroup var worker: WorkerOptions

  func run() async throws {
    let scenario = try options.scenario()
    let choice = RunPlace.Choice(
      job: job, daemon: daemon, store: store.file, worker: worker.executable)
    switch try await choice.place() {
    case .here: try await measureHere(scenario)
    case .daemon(let client, let status):
      let remote = RemoteRun(client: client, status: status, job: job, output: output)
      try await remote.run(scenario)
    }
  }

  private func measureHere(_ scenario: Scenario) async throws {
    let stop = StopFlag()
    let signals = StopSignals { count in
      // The second time somebody is in a hurry; the worker ends when its input does.
      if count > 1 { _exit(ExitCodes.interrupted.rawValue) }
      stop.raise()
    }
    defer { withExtendedLifetime(signals) {} }
    let results = try ResultStore(path: store.file, readOnly: false)
    let line = ProgressLine(shown: !output.quiet && isatty(STDERR_FILENO) == 1)
    let record: SessionRecord
    do {
      record = try await worker.runner.run(
        scenario, commandLine: CommandLine.arguments.joined(separator: " "),
        source: Stamp.source(of: worker.path),
        hooks: RunHooks(
          progress: { line.show($0) }, shouldStop: { stop.isUp }, timeBudget: job.budget))
    } catch {
      line.clear()
      throw error
    }
    line.clear()
    // The document is printed even if it cannot be kept: it took minutes to measure.
    let kept = Result { () throws(StoreError) in try results.append(record) }
    try output.show(record.report)
    try kept.get()
    try output.conclude(record.report, exit: record.report.exit)
  }
}
