// Watches a job of the daemon to its end, and ends as the run itself would have.

import ArgumentParser
import DaemonAPI
import DaemonClient
import Foundation
import Glibc
import Reports

/// A job that ended without a session.
struct JobWithoutSession: ExitCoded, CustomStringConvertible {
  var job: Job

  var exitCode: Int32 {
    if let exit = job.exit, exit != 0 { return exit }
    return switch job.state {
    case .cancelled, .interrupted: ExitCodes.interrupted.rawValue
    case .expired: ExitCodes.busy.rawValue
    case .done: ExitCodes.nothingRan.rawValue
    case .queued, .paused, .running, .failed: ExitCodes.internalError.rawValue
    }
  }

  var description: String {
    let reason = job.reason ?? "job \(job.id) \(job.state.rawValue), and nothing was stored"
    // The daemon's sentences bring their mends along.
    return reason.contains("; ")
      ? reason : "\(reason); see `greenbench daemon events --after 0` for job \(job.id)"
  }
}

/// One who watches.
struct JobWatch {
  let client: DaemonClient
  let output: ReportOutput

  /// Whether the job ends with this process.
  var ownsJob = false

  /// Shows how a job goes, then its report.
  ///
  /// - Parameter id: The job.
  /// - Throws: The exit code of the run, `JobWithoutSession`, or `DaemonClientError`.
  func watch(_ id: Int) async throws {
    let job = try await follow(id)
    guard let session = job.session else { throw JobWithoutSession(job: job) }
    let report = try await client.session(session)
    try output.show(report)
    try output.conclude(report, exit: job.exit ?? report.exit)
  }

  /// Leaves a job to itself, and ends the process.
  static func detach(from id: Int) -> Never {
    end("job \(id) goes on; attach to it with `greenbench attach \(id)`")
  }

  /// Does not wait for the end of a job that is being cancelled.
  static func leave(_ id: Int) -> Never {
    end("job \(id) is being cancelled; see `greenbench queue ls`")
  }

  private static func end(_ complaint: String) -> Never {
    // A terminal that is gone needs no clean line.
    if isatty(STDERR_FILENO) == 1 {
      try? FileHandle.standardError.write(contentsOf: Data("\r\u{1B}[K".utf8))
    }
    GreenbenchCommand.complain(complaint)
    _exit(ExitCodes.interrupted.rawValue)
  }

  /// Follows a job to its end; a daemon that is gone is told with what becomes of the job.
  private func follow(_ id: Int) async throws -> Job {
    do {
      return try await updates(id)
    } catch DaemonClientError.notRunning, DaemonClientError.unreachable {
      throw DaemonFault(
        .unreachable,
        "the daemon is gone; if job \(id) was not over, the next one begins it anew; start it with"
          + " `greenbench daemon start`, and see `greenbench attach \(id)`")
    }
  }

  private func updates(_ id: Int) async throws -> Job {
    let line = ProgressLine(shown: !output.quiet && isatty(STDERR_FILENO) == 1)
    defer { line.clear() }
    for try await update in client.updates(job: id, cancelsOnClose: ownsJob) {
      switch update {
      case .progress(let progress): line.show(progress)
      case .block: break
      case .state(let job):
        if job.state.isFinal { return job }
        if job.state != .running {
          line.show("job \(id) \(job.state.rawValue)" + (job.reason.map { ": \($0)" } ?? ""))
        }
      }
    }
    // The stream ends with a final state, or throws; this is for a reader that was cancelled.
    return try await client.job(id)
  }
}
