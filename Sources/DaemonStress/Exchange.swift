// HTTP/1.1 over a wire: a question and its answer, and a stream of events.

import DaemonAPI
import Foundation

/// An answer: a status, its headers in lower case, and its body.
struct WireAnswer {
  var status: Int
  var headers: [String: String]
  var body: [UInt8]

  var text: String { String(decoding: body, as: UTF8.self) }

  /// Reads the body.
  ///
  /// - Throws: That it is something else.
  func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: Data(body))
    } catch {
      throw WireError.garbled("\(status) \(text.prefix(200)): \(error)")
    }
  }
}

/// The head of an answer, and where its body begins.
struct WireHead {
  var status: Int
  var headers: [String: String]
  var bodyStart: Int

  /// nil as long as it is not complete.
  init?(_ bytes: [UInt8]) throws(WireError) {
    guard let end = Self.find([13, 10, 13, 10], in: bytes, from: 0) else {
      if bytes.count > 1 << 16 { throw .garbled("a head without an end") }
      return nil
    }
    let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
    let words = (lines.first ?? "").split(separator: " ", maxSplits: 2)
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
      throw .garbled("\(lines.first ?? "")")
    }
    self.status = status
    headers = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      headers[parts[0].lowercased()] =
        parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
    }
    bodyStart = end + 4
  }

  static func find(_ wanted: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard bytes.count >= wanted.count, start <= bytes.count - wanted.count else { return nil }
    return (start...(bytes.count - wanted.count)).first { at in
      bytes[at] == wanted[0] && bytes[at..<(at + wanted.count)].elementsEqual(wanted)
    }
  }
}

extension Wire {
  /// The bytes of a request.
  static func request(
    _ method: String, _ path: String, body: [UInt8]? = nil, headers: [String] = []
  ) -> [UInt8] {
    var lines = ["\(method) \(path) HTTP/1.1", "Host: localhost"] + headers
    if let body { lines += ["Content-Type: application/json", "Content-Length: \(body.count)"] }
    return [UInt8]((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (body ?? [])
  }

  /// Asks, and waits for the answer.
  func ask(
    _ method: String, _ path: String, body: [UInt8]? = nil, headers: [String] = []
  ) throws(WireError) -> WireAnswer {
    try send(Self.request(method, path, body: body, headers: headers))
    return try answer()
  }

  /// Waits for the next answer.
  func answer() throws(WireError) -> WireAnswer {
    while true {
      if let answer = try takeAnswer() { return answer }
      guard try receive() else { throw .closed }
    }
  }

  /// Takes an answer that is complete off the front of what came; nil while there is none.
  func takeAnswer() throws(WireError) -> WireAnswer? {
    guard let head = try WireHead(received) else { return nil }
    if head.headers["transfer-encoding"]?.lowercased() == "chunked" {
      var body: [UInt8] = []
      var at = head.bodyStart
      while true {
        guard let chunk = try chunk(at) else { return nil }
        body += received[chunk.data]
        at = chunk.next
        if chunk.data.isEmpty { break }
      }
      received.removeFirst(at)
      return WireAnswer(status: head.status, headers: head.headers, body: body)
    }
    let size = head.status == 204 ? 0 : Int(head.headers["content-length"] ?? "0") ?? 0
    guard received.count >= head.bodyStart + size else { return nil }
    let body = Array(received[head.bodyStart..<(head.bodyStart + size)])
    received.removeFirst(head.bodyStart + size)
    return WireAnswer(status: head.status, headers: head.headers, body: body)
  }

  /// The chunk that begins at a place; nil while it is not complete.
  private func chunk(
    _ start: Int
  ) throws(WireError) -> (data: Range<Int>, next: Int)? {
    guard let end = WireHead.find([13, 10], in: received, from: start) else { return nil }
    let word = String(decoding: received[start..<end], as: UTF8.self)
    guard let size = Int(word, radix: 16), size >= 0 else {
      throw .garbled("a chunk of \(word) bytes")
    }
    let data = (end + 2)..<(end + 2 + size)
    guard received.count >= data.upperBound + 2 else { return nil }
    return (data, data.upperBound + 2)
  }

  // MARK: Events

  /// Asks for a stream of events; the next ones come from `nextEvent`.
  func stream(_ path: String) throws(WireError) {
    try send(Self.request("GET", path, headers: ["Accept: text/event-stream"]))
    while true {
      if let head = try WireHead(received) {
        guard head.status == 200 else { throw .garbled("a stream answered with \(head.status)") }
        received.removeFirst(head.bodyStart)
        return
      }
      guard try receive() else { throw .closed }
    }
  }

  /// The next event of the stream; nil at its end.
  ///
  /// Each frame is a chunk of its own.
  func nextEvent() throws(WireError) -> (name: String, data: String)? {
    while true {
      while let found = try chunk(0) {
        let frame = String(decoding: received[found.data], as: UTF8.self)
        received.removeFirst(found.next)
        if found.data.isEmpty { return nil }
        var event = (name: "", data: "")
        for line in frame.split(separator: "\n") {
          if line.hasPrefix("event: ") { event.name = String(line.dropFirst(7)) }
          if line.hasPrefix("data: ") { event.data = String(line.dropFirst(6)) }
        }
        // What has no name is a sign of life.
        if !event.name.isEmpty { return event }
      }
      guard try receive() else { throw .closed }
    }
  }
}
