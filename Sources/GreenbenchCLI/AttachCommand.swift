// `greenbench attach`: watches a job as if this process had been measuring it all along.

import ArgumentParser
import DaemonAPI
import DaemonClient

/// `greenbench attach <job>`.
struct AttachCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attach", abstract: "Shows a job's progress, and its table at the end.",
    discussion: """
      Output and exit code are those of `greenbench run`. Ctrl-C detaches, and the job goes on; \
      `greenbench queue cancel` stops it.
      """)

  @Argument(help: "The job's number, as `greenbench run --detach` printed it.")
  var job: Int

  @OptionGroup var output: ReportOutput
  @OptionGroup var daemon: DaemonOptions

  func run() async throws {
    let id = job
    let signals = StopSignals { _ in JobWatch.detach(from: id) }
    defer { withExtendedLifetime(signals) {} }
    try await JobWatch(client: daemon.client, output: output).watch(id)
  }
}
