// A process that was started by `posix_spawn`: nothing of it is left once it is gone.

import CSpawn
import Glibc
import Synchronization
import Threads

/// A process from its start to its end, and our ends of its output.
///
/// Foundation's `Process` keeps some kilobytes of each process that has ended.
package final class SpawnedProcess: Sendable {
  package let pid: Int32
  let output: Int32
  let errors: Int32

  private enum State { case runs, ended, gone }

  /// Once it is gone its number is nobody's, or another process's.
  private let state = Mutex(State.runs)

  /// Starts a program in a process group of its own, with our own working folder.
  ///
  /// - Parameters:
  ///   - path: The program; nobody searches for it.
  ///   - arguments: Its arguments, without its name.
  ///   - environment: `name=value`, each.
  ///   - input: What it reads; the end that is read is closed here.
  /// - Throws: What the system says; then nothing is open that was not open before.
  init(
    _ path: String, arguments: [String], environment: [String], input: PipeInput
  ) throws(SystemFailure) {
    let reading = try input.takeReadingEnd()
    defer { close(reading) }
    var spawned = gb_spawned()
    // SAFETY: both arrays end with nil, and their strings live until this function ends. Without
    // memory for one of them Swift has ended the process before.
    var words: [UnsafeMutablePointer<CChar>?] = unsafe []
    unsafe words = ([path] + arguments).map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    var settings: [UnsafeMutablePointer<CChar>?] = unsafe []
    unsafe settings = environment.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe settings.indices { unsafe free(settings[index]) } }
    let code = unsafe gb_spawn(path, &words, &settings, reading, &spawned)
    guard code == 0 else { throw SystemFailure(code: code) }
    (pid, output, errors) = (spawned.pid, spawned.output, spawned.errors)
  }

  /// Sends a signal, if it is still there.
  package func signal(_ number: Int32) {
    state.withLock { state in
      if state == .runs { _ = kill(pid, number) }
    }
  }

  /// Kills it and what it has started in its group: a shell's program would keep the pipes open.
  package func end() {
    state.withLock { state in
      // It leads its group, and the number is the group's as long as it is its own; it may have gone
      // to another group itself.
      guard state == .runs else { return }
      _ = kill(-pid, SIGKILL)
      _ = kill(pid, SIGKILL)
    }
  }

  /// Waits until it has ended; from then on nobody signals it.
  func wait() -> ExecutorError.Ending {
    let status = state.withLock { $0 == .gone } ? -1 : gb_await_end(pid)
    state.withLock { $0 = status < 0 ? .gone : .ended }
    // Somebody else has asked for its end; that is never a good one.
    guard status >= 0 else { return .exited(status) }
    let signal = status & 0x7F
    return signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
  }

  /// Gives its number back, once it has ended.
  ///
  /// That may take the kernel a minute (DECISIONS 87), so its end is told before.
  func reap() {
    let isOurs = state.withLock { state in
      defer { state = .gone }
      return state == .ended
    }
    if isOurs { gb_reap(pid) }
  }
}
