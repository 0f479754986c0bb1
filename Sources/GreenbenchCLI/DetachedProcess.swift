// A process that outlives its parent: a session of its own, no terminal, output to a file.

import Foundation
import Glibc

/// Starts processes that are left alone.
enum DetachedProcess {
  /// Starts a program with its standard output and error at a descriptor.
  ///
  /// It gets none of our other descriptors, and the signals that we ignore it does not.
  ///
  /// - Parameters:
  ///   - program: Path of the executable.
  ///   - arguments: The arguments after the program's name.
  ///   - output: Stays the caller's.
  /// - Returns: The process id; the caller is its parent, and reaps it if it still lives.
  /// - Throws: What the system says.
  static func start(
    _ program: String, _ arguments: [String], output: Int32
  ) throws(DaemonFault) -> pid_t {
    closeOthersInChildren()
    var pid: pid_t = 0
    // SAFETY: all objects are initialised before and destroyed after their use; `words` ends with
    // nil, and its strings live until this function ends; `environ` is not changed meanwhile.
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var words: [UnsafeMutablePointer<CChar>?] = unsafe []
    unsafe words = ([program] + arguments).map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe words.indices { unsafe free(words[index]) } }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, output, 2)
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { unsafe sigaddset(&signals, number) }
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    let flags = ownSession | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    let error = unsafe posix_spawn(&pid, program, &actions, &attributes, &words, environ)
    guard error == 0 else {
      throw DaemonFault(
        .internalError,
        "cannot start \(program): \(unsafe String(cString: strerror(error)));"
          + " check that it may be executed")
    }
    return pid
  }

  /// POSIX_SPAWN_SETSID, which the C library hides from Swift.
  private static let ownSession: CInt = 0x80

  /// Marks what this process itself inherited and passed on so far.
  private static func closeOthersInChildren() {
    // Where the folder cannot be read, the child has some descriptors that it never looks at.
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    for descriptor in open.compactMap({ Int32($0) }) where descriptor > 2 {
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
  }

  /// How a child has ended: its exit code, or 128 and the signal; nil as long as it lives.
  static func ending(of child: pid_t) -> Int32? {
    var status: Int32 = 0
    // SAFETY: `status` outlives the call.
    guard unsafe waitpid(child, &status, WNOHANG) == child else { return nil }
    let signal = status & 0x7F
    return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
  }
}

/// Something about the daemon's process is not as it should be.
struct DaemonFault: ExitCoded, CustomStringConvertible {
  var exitCode: Int32
  var description: String

  init(_ code: ExitCodes, _ description: String) {
    exitCode = code.rawValue
    self.description = description
  }
}
