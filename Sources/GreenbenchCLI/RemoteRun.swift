// A run in the daemon: submits it, shows how it goes, and ends as if it had been measured here.

import ArgumentParser
import DaemonAPI
import DaemonClient
import Foundation
import Reports
import Synchronization

/// Somebody else's jobs are in the way.
struct DaemonBusy: ExitCoded, CustomStringConvertible {
  var jobs: Int
  var exitCode: Int32 { ExitCodes.busy.rawValue }

  var description: String {
    "the daemon has \(jobs) unfinished job\(jobs == 1 ? "" : "s");"
      + " leave out --no-wait, or see `greenbench queue ls`"
  }
}

/// One run in a daemon.
struct RemoteRun {
  let client: DaemonClient
  let status: DaemonStatus
  let job: JobOptions
  let output: ReportOutput

  func run(_ scenario: Scenario) async throws {
    let unfinished = status.queue.queued + (status.queue.running == nil ? 0 : 1)
    if job.noWait, unfinished > 0 { throw DaemonBusy(jobs: unfinished) }
    let request = job.request(
      scenario, commandLine: CommandLine.arguments.joined(separator: " "))
    // Listened to from here on, or a job that is being submitted would outlive its Ctrl-C.
    let cancellation = Cancellation(client)
    let signals = StopSignals { cancellation.signal($0) }
    defer { withExtendedLifetime(signals) {} }
    // A key of its own, so that a submission whose answer was lost can be repeated.
    let submission = try await client.submit(request, key: UUID().uuidString.lowercased())
    let id = submission.job.id
    if job.detach { return print(output.json ? try JSONDocument.text(submission.job) : "\(id)") }
    cancellation.watch(id)
    try await JobWatch(client: client, output: output, ownsJob: true).watch(id)
  }
}

/// Cancels a job at the first signal, and does not wait for it after the second.
private final class Cancellation: Sendable {
  private let client: DaemonClient
  private let state = Mutex<(job: Int?, isAsked: Bool)>((nil, false))

  init(_ client: DaemonClient) { self.client = client }

  /// Names the job, which may have been cancelled already.
  func watch(_ id: Int) {
    let isAsked = state.withLock {
      $0.job = id
      return $0.isAsked
    }
    if isAsked { cancel(id) }
  }

  func signal(_ count: Int) {
    let job = state.withLock {
      $0.isAsked = true
      return $0.job
    }
    guard let job else { return }
    if count > 1 { JobWatch.leave(job) }
    cancel(job)
  }

  private func cancel(_ id: Int) {
    let client = client
    Task {
      do {
        _ = try await client.act(.cancel, job: id)
      } catch {
        GreenbenchCommand.complain("job \(id) goes on: \(error)")
      }
    }
  }
}
