// A client that sends bytes as they are, on a thread of its own.

import CSockets
import Foundation
import Testing

/// One connection; every call blocks a thread, and none of Swift's own.
final class Wire: Sendable {
  private let descriptor: Int32

  /// Connects to a Unix socket.
  static func unix(_ path: String) async throws -> Wire {
    try await onThread {
      let descriptor = unsafe gb_unix_connect(path)
      guard descriptor >= 0 else { throw WireError.refused(-descriptor) }
      return Wire(descriptor)
    }
  }

  /// Connects to a port of 127.0.0.1.
  static func tcp(_ port: UInt16) async throws -> Wire {
    try await onThread {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      let result = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard result == 0 else { throw WireError.refused(errno) }
      return Wire(descriptor)
    }
  }

  enum WireError: Error, Equatable {
    case refused(Int32)

    /// Nothing came for 20 s: the test fails instead of hanging.
    case silent
  }

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  /// Sends a text.
  ///
  /// - Returns: Whether the other side took all of it.
  @discardableResult func send(_ text: String) async -> Bool { await send([UInt8](text.utf8)) }

  @discardableResult func send(_ bytes: [UInt8]) async -> Bool {
    let sent = try? await onThread { [descriptor] in
      var rest = bytes[...]
      while !rest.isEmpty {
        let part = [UInt8](rest.prefix(1 << 16))
        let count = unsafe Glibc.send(descriptor, part, part.count, Int32(MSG_NOSIGNAL))
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
      }
      return true
    }
    return sent ?? false
  }

  /// Closes our end.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// What comes until a text is in it, or the other side closes.
  func read(until end: String? = nil) async throws -> String {
    try await onThread { [descriptor] in
      var all: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN { throw WireError.silent }
        if count <= 0 { break }
        all += buffer.prefix(count)
        if let end, String(decoding: all, as: UTF8.self).contains(end) { break }
      }
      return String(decoding: all, as: UTF8.self)
    }
  }

  /// Waits until the other side has closed, and takes nothing of what it has sent.
  func awaitHangUp() async throws {
    try await onThread { [descriptor] in
      var question = pollfd(fd: descriptor, events: 0, revents: 0)
      guard unsafe poll(&question, 1, 20_000) == 1 else { throw WireError.silent }
    }
  }

  /// Waits until the other side has closed; says what came before.
  func readToEnd() async throws -> String { try await read() }
}

/// Runs what blocks on a new thread.
func onThread<Value: Sendable>(
  _ work: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
  }
}
