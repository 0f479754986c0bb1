// Lines that come through pipes: several at once, on one thread.

import Glibc

/// One pipe, read line by line.
struct LineReader {
  /// What one of the pipes brought.
  enum News {
    /// Without its end.
    case line(String)

    /// More bytes without the end of a line than are taken; what follows is not read.
    case tooLong
  }

  private let descriptor: Int32
  private let bytesMax: Int
  private let tell: (News) -> Void
  private var rest: [UInt8] = []

  /// Takes a pipe's end, and closes it in the end.
  init(_ descriptor: Int32, bytesMax: Int = .max, tell: @escaping (News) -> Void) {
    self.descriptor = descriptor
    self.bytesMax = bytesMax
    self.tell = tell
  }

  /// Reads all to their ends, and each as soon as something comes.
  static func readAll(_ readers: consuming [LineReader]) {
    var readers = readers
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while !readers.isEmpty {
      var waiting = readers.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
      // SAFETY: as many as the call is told. Interrupted or without memory, it has changed nothing.
      guard unsafe poll(&waiting, nfds_t(waiting.count), -1) > 0 else { continue }
      for index in waiting.indices.reversed() where waiting[index].revents != 0 {
        if !readers[index].read(&buffer) {
          close(readers[index].descriptor)
          readers.remove(at: index)
        }
      }
    }
  }

  /// Reads what is there; false at the end.
  private mutating func read(_ buffer: inout [UInt8]) -> Bool {
    // SAFETY: the array has as many bytes as the call is told.
    let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
    if count == -1, errno == EINTR { return true }
    guard count > 0 else {
      if !rest.isEmpty { tell(.line(String(decoding: rest, as: UTF8.self))) }
      return false
    }
    var chunk = buffer[..<count]
    while let end = chunk.firstIndex(of: UInt8(ascii: "\n")) {
      rest += chunk[..<end]
      guard rest.count <= bytesMax else { return refuse() }
      tell(.line(String(decoding: rest, as: UTF8.self)))
      rest.removeAll(keepingCapacity: rest.count < 64 << 10)
      chunk = chunk[chunk.index(after: end)...]
    }
    rest += chunk
    return rest.count <= bytesMax || refuse()
  }

  private func refuse() -> Bool {
    tell(.tooLong)
    return false
  }
}
