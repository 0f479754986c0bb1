// A request as a route sees it.

import DaemonAPI
import FoundationEssentials

/// What was asked, taken apart and checked.
struct Call: Sendable {
  /// The parts of the path that stand for something, decoded, in order.
  var parts: [String]

  /// The query, decoded; only names that the route knows.
  var query: [String: String]

  /// Empty where the route takes none.
  var body: [UInt8]

  /// Whose turn it takes when the request names nobody.
  var client: String

  /// By its name in lower case.
  var idempotencyKey: String?
  var lastEventID: String?

  /// The number in the path.
  ///
  /// - Parameter noun: What it is the number of.
  /// - Returns: A number greater than zero.
  /// - Throws: That there is no such thing.
  func number(of noun: String) throws(Refusal) -> Int {
    let text = parts.first ?? ""
    guard let number = Int(text), number > 0, text.allSatisfy({ $0.isNumber }) else {
      throw Refusal(
        .notFound, "there is no \(noun) \"\(text.prefix(40))\"; \(noun)s have numbers")
    }
    return number
  }

  /// A number of the query.
  func number(_ name: String, in range: ClosedRange<Int>) throws(Refusal) -> Int? {
    guard let text = query[name] else { return nil }
    return try Self.number(text, called: name, in: range)
  }

  /// A choice of the query; false where it is not there.
  func flag(_ name: String) throws(Refusal) -> Bool {
    switch query[name] {
    case nil, "false": return false
    case "true": return true
    case let text?:
      throw Refusal(
        .malformed, "\(name) is \"\(text.prefix(40))\"; send true or false")
    }
  }

  static func number(
    _ text: String, called name: String, in range: ClosedRange<Int>
  ) throws(Refusal) -> Int {
    guard let number = Int(text), range.contains(number), text.utf8.first != UInt8(ascii: "+")
    else {
      let bounds =
        range.upperBound == .max
        ? "from \(range.lowerBound) on" : "from \(range.lowerBound) to \(range.upperBound)"
      throw Refusal(
        .malformed, "\(name) is \"\(text.prefix(40))\"; send a whole number \(bounds)")
    }
    return number
  }

  /// Decodes the body after looking at its members.
  func decode<Value: Decodable>(
    _ type: Value.Type, shape: JSONShape
  ) throws(Refusal) -> Value {
    try JSONCheck.check(body, against: shape)
    do {
      return try JSONDecoder().decode(type, from: Data(body))
    } catch let error as DecodingError {
      throw Refusal(.malformed, Self.sentence(error))
    } catch {
      throw Refusal(.malformed, "the body cannot be read: \(error); send a JSON document")
    }
  }

  private static func sentence(_ error: DecodingError) -> String {
    func place(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
      let path = (context.codingPath + (key.map { [$0] } ?? [])).map(\.stringValue)
      return path.isEmpty ? "the body" : "\"\(path.joined(separator: ".").prefix(80))\""
    }
    switch error {
    case .keyNotFound(let key, let context):
      return "\(place(context, key)) is missing; send it"
    case .valueNotFound(let type, let context), .typeMismatch(let type, let context):
      return
        "\(place(context)) is of another type; send \(words[ObjectIdentifier(type)] ?? "an object")"
    case .dataCorrupted(let context):
      return "\(place(context)) has a value that is out of its range; look at /v1/openapi.json"
    @unknown default:
      return "the body is not of this language; look at /v1/openapi.json"
    }
  }

  private static let words: [ObjectIdentifier: String] = [
    ObjectIdentifier(String.self): "a string", ObjectIdentifier(Bool.self): "true or false",
    ObjectIdentifier(Int.self): "a whole number", ObjectIdentifier(UInt64.self): "a whole number",
    ObjectIdentifier(Double.self): "a number",
  ]
}

/// A target taken apart: RFC 3986, and nothing beyond.
struct Target {
  var path: [String]
  var query: [(name: String, value: String)]

  /// - Throws: What is encoded wrongly.
  init(_ text: String) throws(Refusal) {
    // The parser of HTTP lets none through; whoever calls this without it must get none either.
    guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { throw Self.refusal }
    let halves = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    path = []
    for part in halves[0].dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      path.append(try Self.decoded(part))
    }
    query = []
    guard halves.count > 1, !halves[1].isEmpty else { return }
    for pair in halves[1].split(separator: "&", omittingEmptySubsequences: false) {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = try Self.decoded(sides[0])
      query.append((name, sides.count > 1 ? try Self.decoded(sides[1]) : ""))
    }
  }

  private static func decoded(_ text: Substring) throws(Refusal) -> String {
    guard text.utf8.contains(UInt8(ascii: "%")) || text.utf8.contains(UInt8(ascii: "+")) else {
      return String(text)
    }
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        let digits = rest.prefix(2)
        guard digits.count == 2,
          let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 16),
          digits.first != UInt8(ascii: "+"), code >= 0x20, code != 0x7F
        else { throw Self.refusal }
        bytes.append(code)
        rest = rest.dropFirst(2)
      case UInt8(ascii: "+"): bytes.append(0x20)
      default: bytes.append(byte)
      }
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else { throw Self.refusal }
    return decoded
  }

  private static let refusal = Refusal(
    .malformed, "the target has a % that is no UTF-8, or a control character; encode it properly")
}
