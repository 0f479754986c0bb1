// What is looked at in a JSON text before anything is made of it.

import DaemonAPI

/// Which members a document may have.
indirect enum JSONShape: Sendable {
  /// Anything; whoever decodes it says what it has to be.
  case value
  case object([String: JSONShape])

  /// An object with members of any name.
  case map(JSONShape)
  case list(JSONShape)
}

/// Walks through a text once: syntax, depth, lengths, unknown and repeated members.
///
/// The memory that it takes is bounded by the depth, so no text can be made that costs more to
/// refuse than to send.
struct JSONCheck {
  static let depthMax = 32
  static let entriesMax = 1000

  private let bytes: [UInt8]
  private var position = 0

  /// - Throws: What is wrong, as a refusal.
  static func check(_ bytes: [UInt8], against shape: JSONShape) throws(Refusal) {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw Refusal(.malformed, "the body is not UTF-8; send JSON in UTF-8")
    }
    var check = JSONCheck(bytes: bytes)
    check.skipSpace()
    guard check.position < bytes.count else {
      throw Refusal(.malformed, "the body is empty; send a JSON document")
    }
    try check.value(shape, at: "", depth: 0)
    check.skipSpace()
    guard check.position == bytes.count else { throw check.syntax() }
  }

  private init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func syntax() -> Refusal {
    Refusal(
      .malformed, "the body is no JSON from byte \(position) on; send one JSON document")
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func value(
    _ shape: JSONShape, at path: String, depth: Int
  ) throws(Refusal) {
    guard depth < Self.depthMax else {
      throw Refusal(
        .malformed, "the body nests more than \(Self.depthMax) levels; send a flatter document")
    }
    switch next {
    case UInt8(ascii: "{"): try object(shape, at: path, depth: depth)
    case UInt8(ascii: "["): try list(shape, at: path, depth: depth)
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "t"): try word("true")
    case UInt8(ascii: "f"): try word("false")
    case UInt8(ascii: "n"): try word("null")
    default: try number()
    }
  }

  private mutating func object(
    _ shape: JSONShape, at path: String, depth: Int
  ) throws(Refusal) {
    position += 1
    skipSpace()
    if take(UInt8(ascii: "}")) { return }
    var seen: Set<String> = []
    repeat {
      skipSpace()
      let name = try string()
      let member = path.isEmpty ? name : "\(path).\(name)"
      guard seen.insert(name).inserted else {
        throw Refusal(.malformed, "\"\(Self.shown(member))\" is there twice; send it once")
      }
      guard seen.count <= Self.entriesMax else { throw tooMany(path) }
      let inner: JSONShape
      switch shape {
      case .object(let members):
        guard let known = members[name] else { throw Self.unknown(member, name, members) }
        inner = known
      case .map(let values): inner = values
      case .value, .list: inner = .value
      }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw syntax() }
      skipSpace()
      try value(inner, at: member, depth: depth + 1)
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw syntax() }
  }

  private mutating func list(
    _ shape: JSONShape, at path: String, depth: Int
  ) throws(Refusal) {
    position += 1
    skipSpace()
    if take(UInt8(ascii: "]")) { return }
    let inner: JSONShape = if case .list(let entry) = shape { entry } else { .value }
    var count = 0
    repeat {
      skipSpace()
      count += 1
      guard count <= Self.entriesMax else { throw tooMany(path) }
      try value(inner, at: path, depth: depth + 1)
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw syntax() }
  }

  private func tooMany(_ path: String) -> Refusal {
    Refusal(
      .malformed,
      "\"\(Self.shown(path))\" has more than \(Self.entriesMax) entries; send fewer")
  }

  /// A string's text; escapes are left as they are but for names that nobody would escape.
  private mutating func string() throws(Refusal) -> String {
    guard take(UInt8(ascii: "\"")) else { throw syntax() }
    let start = position
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        position += 1
        return text
      case UInt8(ascii: "\\"):
        position += 1
        try escape()
      case 0..<0x20: throw syntax()
      default: position += 1
      }
    }
    throw syntax()
  }

  private mutating func escape() throws(Refusal) {
    switch next {
    case UInt8(ascii: "u"):
      position += 1
      for _ in 0..<4 {
        guard let digit = next, Character(UnicodeScalar(digit)).isHexDigit else { throw syntax() }
        position += 1
      }
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 1
    default: throw syntax()
    }
  }

  private mutating func word(_ word: String) throws(Refusal) {
    for byte in word.utf8 {
      guard take(byte) else { throw syntax() }
    }
  }

  private mutating func digits() throws(Refusal) {
    let start = position
    while let byte = next, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { position += 1 }
    guard position > start else { throw syntax() }
  }

  private mutating func number() throws(Refusal) {
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    if take(UInt8(ascii: ".")) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
  }

  private static func unknown(
    _ member: String, _ name: String, _ members: [String: JSONShape]
  ) -> Refusal {
    Refusal(
      .malformed,
      "there is no member \"\(shown(member))\"; "
        + NearestName.hint(name, among: members.keys.sorted()))
  }

  /// So much of a name that a sentence stays one.
  private static func shown(_ name: String) -> String { String(name.prefix(80)) }
}
