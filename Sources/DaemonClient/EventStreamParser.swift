// Server-sent events out of bytes that come in any pieces.

/// One event of a stream.
struct ServerSentEvent: Hashable, Sendable {
  /// The newest id of the stream, whether this event brought it or an earlier one.
  var id: String?

  /// `message` where the stream names none.
  var name: String
  var data: String
}

/// Takes the bytes of a `text/event-stream` apart, however they are cut.
///
/// Lines end with LF, CR or both. Comments, unknown fields and events without data are left out.
struct EventStreamParser {
  /// An event is longer than it may be.
  struct Overlong: Error {}

  private let bytesMax: Int
  private var line: [UInt8] = []
  private var endedWithCR = false
  private var isFirstLine = true
  private var data: [UInt8] = []
  private var hasData = false
  private var name = ""
  private var id: String?

  /// Of the last event that was complete: what to go on from when the stream is taken up again.
  private(set) var lastID: String?

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  /// Takes some bytes.
  ///
  /// - Returns: The events that they complete.
  /// - Throws: `Overlong` when a line or an event is longer than `bytesMax`.
  mutating func take(_ bytes: some Sequence<UInt8>) throws(Overlong) -> [ServerSentEvent] {
    var events: [ServerSentEvent] = []
    for byte in bytes {
      let follows = endedWithCR
      endedWithCR = byte == UInt8(ascii: "\r")
      switch byte {
      case UInt8(ascii: "\n") where follows:
        continue
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
        if let event = endLine() { events.append(event) }
        line.removeAll(keepingCapacity: true)
      default:
        line.append(byte)
        guard line.count + data.count <= bytesMax else { throw Overlong() }
      }
    }
    return events
  }

  /// Drops an event that was not complete when its connection ended.
  mutating func restart() {
    let id = lastID
    self = EventStreamParser(bytesMax: bytesMax)
    self.id = id
    lastID = id
  }

  private mutating func endLine() -> ServerSentEvent? {
    var line = line[...]
    if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
    isFirstLine = false
    guard !line.isEmpty else { return endEvent() }
    let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
    var value = line[min(colon + 1, line.endIndex)...]
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    switch String(decoding: line[..<colon], as: UTF8.self) {
    case "event": name = String(decoding: value, as: UTF8.self)
    case "id" where !value.contains(0): id = String(decoding: value, as: UTF8.self)
    case "data":
      if hasData { data.append(UInt8(ascii: "\n")) }
      data += value
      hasData = true
    default: break
    }
    return nil
  }

  private mutating func endEvent() -> ServerSentEvent? {
    defer {
      data.removeAll(keepingCapacity: true)
      hasData = false
      name = ""
    }
    lastID = id
    guard hasData else { return nil }
    return ServerSentEvent(
      id: lastID, name: name.isEmpty ? "message" : name,
      data: String(decoding: data, as: UTF8.self))
  }
}
