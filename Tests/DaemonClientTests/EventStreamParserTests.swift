// What the parser of event streams promises, however the bytes are cut.

import Testing

@testable import DaemonClient

struct EventStreamParserTests {
  /// Cuts a text into pieces of some bytes, and takes them one by one.
  static func events(_ text: String, piece: Int, bytesMax: Int = 1000) throws -> [ServerSentEvent] {
    var parser = EventStreamParser(bytesMax: bytesMax)
    let bytes = Array(text.utf8)
    return try stride(from: 0, to: bytes.count, by: piece).flatMap {
      try parser.take(bytes[$0..<min($0 + piece, bytes.count)])
    }
  }

  @Test(arguments: ["\n", "\r", "\r\n"], 1...9)
  func takesEventsWhateverTheEndOfALineAndTheCut(end: String, piece: Int) throws {
    let lines = [
      ": ping", "", "id: 7", "event: state", "data: {\"a\":", "data:  1}", "", "data", "", "",
      "retry: 10", "unknown: x", "event: only-a-name", "", "data:é", "", "",
    ]
    let events = try Self.events(lines.joined(separator: end), piece: piece)
    #expect(
      events == [
        ServerSentEvent(id: "7", name: "state", data: "{\"a\":\n 1}"),
        ServerSentEvent(id: "7", name: "message", data: ""),
        ServerSentEvent(id: "7", name: "message", data: "é"),
      ])
  }

  @Test func passesOverAMarkOfByteOrder() throws {
    #expect(try Self.events("\u{FEFF}data: 1\n\n", piece: 2).map(\.data) == ["1"])
  }

  @Test(arguments: [
    String(repeating: "x", count: 101), String(repeating: "data: 12345\n", count: 30),
  ])
  func refusesWhatIsTooLong(text: String) {
    #expect(throws: EventStreamParser.Overlong.self) {
      try Self.events(text, piece: 10, bytesMax: 100)
    }
  }

  @Test func dropsHalfAnEventAndKeepsTheIdWhenItStartsAnew() throws {
    var parser = EventStreamParser(bytesMax: 100)
    _ = try parser.take("id: 3\ndata: 1\n\nid: 4\ndata: ha".utf8)
    parser.restart()
    #expect(parser.lastID == "3")
    #expect(try parser.take("data: 2\n\n".utf8).map(\.data) == ["2"])
  }
}
