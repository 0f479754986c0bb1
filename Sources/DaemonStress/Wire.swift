// One connection to a daemon, byte by byte, on the caller's thread: whatever is answered is seen.

import CSockets
import Glibc

/// Why there is no answer.
enum WireError: Error, Hashable, CustomStringConvertible {
  case refused(Int32)

  /// The other side closed before its answer was complete.
  case closed

  /// Nothing came, or nothing was taken, for as long as this connection has patience.
  case silent

  /// What came is no answer of HTTP.
  case garbled(String)

  var description: String {
    switch self {
    case .refused(let code): "the socket refused with error \(code)"
    case .closed: "the connection was closed before the answer was complete"
    case .silent: "nothing came for longer than a busy machine explains"
    case .garbled(let what): "no answer of HTTP: \(what)"
    }
  }
}

/// A connection to a Unix socket that blocks.
final class Wire {
  private let descriptor: Int32

  /// What came and was not taken yet.
  var received: [UInt8] = []

  /// Connects.
  ///
  /// - Parameters:
  ///   - path: Of the socket.
  ///   - patience: Seconds without anything after which reading and writing give up.
  ///   - user: Who connects, by the kernel's account; only root can be another one.
  /// - Throws: Why the kernel does not connect.
  init(_ path: String, patience: Int = 60, as user: UInt32? = nil) throws(WireError) {
    // SAFETY: the string lives for the call, which only reads it.
    let opened = unsafe user.map { unsafe gb_unix_connect_as(path, $0) } ?? gb_unix_connect(path)
    guard opened >= 0 else { throw .refused(-opened) }
    descriptor = opened
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      var time = timeval(tv_sec: patience, tv_usec: 0)
      // SAFETY: `time` is a whole `struct timeval` that outlives the call.
      _ = unsafe setsockopt(
        descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  deinit { close(descriptor) }

  /// Sends all of it.
  func send(_ bytes: [UInt8]) throws(WireError) {
    var start = 0
    while start < bytes.count { start += try sendSome(Array(bytes[start...]), waits: true) }
  }

  func send(_ text: String) throws(WireError) { try send([UInt8](text.utf8)) }

  /// Sends what there is room for.
  ///
  /// - Parameters:
  ///   - bytes: What to send.
  ///   - waits: Whether it waits until there is room for some; otherwise 0 may be sent.
  /// - Returns: How many bytes were taken.
  /// - Throws: `closed`, or `silent`.
  func sendSome(_ bytes: [UInt8], waits: Bool = false) throws(WireError) -> Int {
    let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
    // SAFETY: the array has as many bytes as the call may read.
    let count = unsafe Glibc.send(descriptor, bytes, bytes.count, flags)
    if count >= 0 { return count }
    guard errno == EAGAIN else { throw .closed }
    if waits { throw .silent }
    return 0
  }

  /// Takes what came.
  ///
  /// - Parameter waits: Whether it waits until something comes.
  /// - Returns: false at the end of what the other side sends.
  /// - Throws: `closed`, or `silent`.
  @discardableResult func receive(waits: Bool = true) throws(WireError) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    // SAFETY: `recv` writes at most the count of bytes that the array has.
    let count = unsafe recv(
      descriptor, &buffer, buffer.count, waits ? 0 : Int32(MSG_DONTWAIT))
    if count > 0 {
      received += buffer.prefix(count)
      return true
    }
    if count == 0 { return false }
    guard errno == EAGAIN else { throw .closed }
    if waits { throw .silent }
    return true
  }

  /// Waits until something comes or the other side closes; false when neither was in time.
  func awaitNews(_ seconds: Double) -> Bool {
    var question = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // SAFETY: `question` is the one record that the count says.
    return unsafe poll(&question, 1, Int32(seconds * 1000)) == 1
  }

  /// Whether the other side is gone, without taking anything of what it sent.
  var isHungUp: Bool {
    var question = pollfd(fd: descriptor, events: 0, revents: 0)
    // SAFETY: as above.
    return unsafe poll(&question, 1, 0) == 1
  }

  /// Closes our end.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }
}

/// What Foundation cannot make, or not at once.
enum Files {
  /// Makes a socket at which nobody accepts.
  ///
  /// - Returns: A descriptor, or a negative error number.
  static func listen(_ path: String) -> Int32 {
    // SAFETY: the string lives for the call, which only reads it.
    unsafe gb_unix_listen(path, 1)
  }

  /// Puts a file in the place of another one; whether it is there.
  static func replace(_ path: String, with fresh: String) -> Bool {
    // SAFETY: as above.
    unsafe rename(fresh, path) == 0
  }

  /// Makes a FIFO; whether it is there.
  static func fifo(_ path: String) -> Bool {
    // SAFETY: as above.
    unsafe mkfifo(path, 0o600) == 0
  }
}
