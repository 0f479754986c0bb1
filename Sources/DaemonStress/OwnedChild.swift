// A program that a trial starts: what it says and how it ends; it does not outlive the trial.

import Dispatch
import Executor
import Foundation
import Glibc
import Synchronization

/// A child process with an environment of its own.
final class OwnedChild: Sendable {
  typealias Ending = ExecutorError.Ending

  /// How to start it.
  struct Start {
    var program: String
    var arguments: [String]
    var environment: [String: String] = [:]

    /// Words before the program, of a program that becomes it: `prlimit --nofile=40`.
    var prefix: [String] = []
  }

  private struct State {
    var process: SpawnedProcess?
    var output: [String] = []
    var complaints: [String] = []
    var ending: Ending?
  }

  private let state = Mutex(State())
  private let begun = DispatchSemaphore(value: 0)
  private let gone = DispatchSemaphore(value: 0)

  /// What of the caller's environment points to another daemon or to a supervisor.
  private static let unwanted = [
    "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "NOTIFY_SOCKET", "LISTEN_FDS",
    "LISTEN_PID", "LISTEN_FDNAMES", "INVOCATION_ID", "JOURNAL_STREAM", "WATCHDOG_USEC",
    "WATCHDOG_PID", "GREENBENCH_DAEMON", "GREENBENCH_DB", "GREENBENCH_RUNTIME_DIR",
  ]

  /// Ends a child with its parent; without it (of util-linux), a daemon outlives a trial that is killed.
  private static let keeper = "/usr/bin/setpriv"

  /// Starts it; that it could not be started shows as its end, with 127.
  init(_ start: Start) {
    var words = start.prefix
    if FileManager.default.isExecutableFile(atPath: Self.keeper) {
      // Last, since the kernel forgets it where the user changes.
      words += [Self.keeper, "--pdeathsig", "KILL"]
    }
    words += ["/usr/bin/env"] + Self.unwanted.flatMap { ["-u", $0] }
    words += start.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    words += [start.program] + start.arguments
    _ = ChildProcess(words[0], arguments: Array(words.dropFirst()), lineBytesMax: 64 << 20) {
      [self] piece in
      take(piece)
    }
    begun.wait()
  }

  /// nil once it is gone.
  var pid: Int32? { state.withLock { $0.ending == nil ? $0.process?.pid : nil } }
  var output: String { state.withLock { $0.output.joined(separator: "\n") } }
  var complaints: String { state.withLock { $0.complaints.joined(separator: "\n") } }
  var isOver: Bool { state.withLock { $0.ending != nil } }

  /// Sends a signal, if it is still there.
  func signal(_ number: Int32) { state.withLock { $0.process }?.signal(number) }

  /// Waits until it is gone, and all that it said was read; nil when that took too long.
  func wait(_ seconds: Double) -> Ending? {
    guard gone.wait(timeout: .now() + seconds) == .success else { return nil }
    gone.signal()
    return state.withLock { $0.ending }
  }

  /// Ends it by force.
  func end() {
    signal(SIGKILL)
    gone.wait()
    gone.signal()
  }

  private func take(_ piece: ChildProcess.Piece) {
    state.withLock { state in
      switch piece {
      case .started(let process): state.process = process
      case .line(let line): state.output.append(line)
      case .complaint(let line):
        // A daemon that complains all the time is a finding of its own; its first lines tell why.
        if state.complaints.count < 2000 { state.complaints.append(line) }
      case .lineTooLong: break
      case .ended(let ending): state.ending = ending
      case .couldNotStart(let reason):
        state.complaints.append(reason)
        state.ending = .exited(127)
      }
    }
    switch piece {
    case .started: begun.signal()
    case .ended: gone.signal()
    case .couldNotStart:
      begun.signal()
      gone.signal()
    case .line, .lineTooLong, .complaint: break
    }
  }
}
