// `greenbench daemon pause` and `resume`: the queue as a whole.

import ArgumentParser
import DaemonAPI
import DaemonClient

/// Holds all jobs that have not begun.
struct DaemonPauseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Lets no job begin until the queue is resumed.",
    discussion: "A job that runs goes on; `greenbench queue pause` stops it, to begin anew.")

  @OptionGroup var daemon: DaemonOptions

  func run() async throws {
    let status = try await daemon.client.setQueuePaused(true)
    let running = status.queue.running.map { "; job \($0) still runs" } ?? ""
    print("the queue is paused, \(status.queue.queued) jobs wait\(running)")
  }
}

/// Releases what `pause` held.
struct DaemonResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Lets jobs begin again.")

  @OptionGroup var daemon: DaemonOptions

  func run() async throws {
    let status = try await daemon.client.setQueuePaused(false)
    print("the queue is open, \(status.queue.queued) jobs wait")
  }
}
