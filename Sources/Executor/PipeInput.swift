// The pipe to a process that is yet to be started: what is written before waits in it.

import CSpawn
import Glibc
import Synchronization
import Threads

/// A pipe that is written to: its other end is taken once, and it is closed once.
final class PipeInput: Sendable {
  private struct State {
    /// Whose other end is gone once the process has it.
    var reading: Int32?
    var writing: Int32?
    var isClosed = false

    /// How many write; who closes meanwhile leaves that to the last of them.
    var writers = 0
  }

  private let state: Mutex<State>

  /// Why there is no pipe; 0 when there is one.
  private let failure: Int32

  /// Makes the pipe; that it could not be made shows when it is used.
  init() {
    var pipe = gb_pipe()
    // SAFETY: `pipe` outlives the call.
    failure = unsafe gb_make_pipe(&pipe)
    state = Mutex(
      failure == 0 ? State(reading: pipe.reading, writing: pipe.writing) : State(isClosed: true))
  }

  deinit {
    if let end = state.withLock({ $0.reading }) { Glibc.close(end) }
    close()
  }

  /// The end that is read; the caller closes it.
  func takeReadingEnd() throws(SystemFailure) -> Int32 {
    let end = state.withLock { state in
      defer { state.reading = nil }
      return state.reading
    }
    guard let end else { throw SystemFailure(code: failure) }
    return end
  }

  /// Writes all of a text; waits until the other end has room for it.
  ///
  /// - Throws: That nobody reads any more, or that it is closed or was never there.
  func write(_ text: String) throws(SystemFailure) {
    let descriptor = state.withLock { state -> Int32? in
      guard !state.isClosed, let descriptor = state.writing else { return nil }
      state.writers += 1
      return descriptor
    }
    guard let descriptor else { throw SystemFailure(code: failure == 0 ? EBADF : failure) }
    defer { closeIfDone { $0.writers -= 1 } }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      // SAFETY: the slice's own bytes and their count.
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count == -1, errno == EINTR { continue }
      guard count >= 0 else { throw SystemFailure(code: errno) }
      rest = rest.dropFirst(count)
    }
  }

  /// Ends it for who reads.
  func close() { closeIfDone { $0.isClosed = true } }

  private func closeIfDone(after change: (inout State) -> Void) {
    let toClose = state.withLock { state -> Int32? in
      change(&state)
      guard state.isClosed, state.writers == 0 else { return nil }
      defer { state.writing = nil }
      return state.writing
    }
    if let toClose { Glibc.close(toClose) }
  }
}
