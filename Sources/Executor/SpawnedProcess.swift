// A process with its three pipes, by `posix_spawn`: nothing of it is left once it is gone.

import CSpawn
import Glibc
import Synchronization

/// A process that was started, and our ends of its pipes.
///
/// Foundation's `Process` keeps some kilobytes of each process that has ended.
struct SpawnedProcess {
  let pid: Int32
  let output: Int32
  let errors: Int32

  /// That a process could not be started: `errno`.
  struct Failure: Error {
    let code: Int32
  }

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
  ) throws(Failure) {
    let reading = try input.takeReadingEnd()
    defer { close(reading) }
    var spawned = gb_spawned()
    var words: [UnsafeMutablePointer<CChar>?] = unsafe []
    unsafe words = ([path] + arguments).map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    var settings: [UnsafeMutablePointer<CChar>?] = unsafe []
    unsafe settings = environment.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe settings.indices { unsafe free(settings[index]) } }
    // SAFETY: both arrays end with nil, and their strings live until this function ends.
    let code = unsafe gb_spawn(path, &words, &settings, reading, &spawned)
    guard code == 0 else { throw Failure(code: code) }
    (pid, output, errors) = (spawned.pid, spawned.output, spawned.errors)
  }

  /// Waits until it is gone.
  func wait() -> ExecutorError.Ending {
    let status = gb_ending_of(pid)
    let signal = status & 0x7F
    return signal == 0 ? .exited((status >> 8) & 0xFF) : .signalled(signal)
  }

  /// Takes what comes through a pipe until its end, and closes it.
  ///
  /// - Parameters:
  ///   - descriptor: Our end.
  ///   - take: Takes each piece as it comes, and says whether to go on.
  static func read(_ descriptor: Int32, take: (ArraySlice<UInt8>) -> Bool) {
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      // SAFETY: the array has as many bytes as the call is told.
      let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
      if count == -1, errno == EINTR { continue }
      guard count > 0, take(buffer[..<count]) else { return }
    }
  }
}

/// A pipe to a process that is yet to be started: what is written before waits in it.
final class PipeInput: Sendable {
  private struct State {
    /// Whose other end is gone once the process has it.
    var reading: Int32?
    var writing: Int32?
    var isClosed = false

    /// Somebody writes; who closes meanwhile leaves that to them.
    var isWriting = false
  }

  private let state: Mutex<State>

  /// Why there is no pipe; 0 when there is one.
  private let failure: Int32

  /// Makes the pipe; that it could not be made shows when it is used.
  init() {
    var pipe = gb_pipe()
    failure = unsafe gb_make_pipe(&pipe)
    state = Mutex(
      failure == 0 ? State(reading: pipe.reading, writing: pipe.writing) : State(isClosed: true))
  }

  deinit {
    if let end = state.withLock({ $0.reading }) { Glibc.close(end) }
    close()
  }

  /// The end that is read; the caller closes it.
  func takeReadingEnd() throws(SpawnedProcess.Failure) -> Int32 {
    let end = state.withLock { state in
      defer { state.reading = nil }
      return state.reading
    }
    guard let end else { throw SpawnedProcess.Failure(code: failure) }
    return end
  }

  /// Writes all of a text; waits until the other end has room for it.
  ///
  /// - Throws: That nobody reads any more, or that it is closed.
  func write(_ text: String) throws(SpawnedProcess.Failure) {
    let descriptor = state.withLock { state -> Int32? in
      guard !state.isClosed, let descriptor = state.writing else { return nil }
      state.isWriting = true
      return descriptor
    }
    guard let descriptor else { throw SpawnedProcess.Failure(code: EBADF) }
    defer { wrote() }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      // SAFETY: the slice's own bytes and their count.
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count == -1, errno == EINTR { continue }
      guard count >= 0 else { throw SpawnedProcess.Failure(code: errno) }
      rest = rest.dropFirst(count)
    }
  }

  /// Ends it for who reads.
  func close() {
    let toClose = state.withLock { state -> Int32? in
      state.isClosed = true
      guard !state.isWriting else { return nil }
      defer { state.writing = nil }
      return state.writing
    }
    if let toClose { Glibc.close(toClose) }
  }

  private func wrote() {
    let toClose = state.withLock { state -> Int32? in
      state.isWriting = false
      guard state.isClosed else { return nil }
      defer { state.writing = nil }
      return state.writing
    }
    if let toClose { Glibc.close(toClose) }
  }
}
