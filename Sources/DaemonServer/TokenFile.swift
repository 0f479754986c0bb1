// The secret that a client over TCP has to know.

import CSockets
import DaemonAPI

/// A bearer token, read from the runtime folder, or drawn and written there.
struct Token: Hashable {
  private let bytes: [UInt8]

  /// The fewest characters that a token may have: 128 bits in base 16.
  static let bytesMin = 32
  static let bytesMax = 256

  /// Reads the token, or makes one of 256 random bits for the user alone.
  init(in folder: borrowing RuntimeFolder) throws(ServerError) {
    let path = folder.paths.token
    let name = RuntimePaths.tokenName
    if let file = try folder.open(name, for: GB_READ) {
      let text: [UInt8]
      do {
        text = try SystemCalls.read(file, most: Self.bytesMax + 2)
      } catch {
        throw ServerError(.permission, "\(path): \(error.reason); remove it and start again")
      }
      guard let token = Token(text) else {
        throw ServerError(
          .permission,
          "\(path) is no token of \(Self.bytesMin) to \(Self.bytesMax) letters, digits, - and _; "
            + "remove it and start again")
      }
      self = token
      return
    }
    var random = SystemRandomNumberGenerator()
    let drawn = (0..<4).map { _ in
      let part = String(random.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - part.count) + part
    }.joined()
    guard let file = try folder.open(name, for: GB_WRITE_NEW) else {
      throw ServerError(.fault, "\(path) vanished while it was made; start again")
    }
    do {
      try SystemCalls.replace(file, with: drawn + "\n")
    } catch {
      throw ServerError(.fault, "\(path): \(error.reason); remove it and start again")
    }
    bytes = [UInt8](drawn.utf8)
  }

  /// Takes the text of a file, with or without a newline at its end.
  init?(_ text: [UInt8]) {
    let bytes = text.last == UInt8(ascii: "\n") ? text.dropLast() : text[...]
    guard Self.bytesMin...Self.bytesMax ~= bytes.count,
      bytes.allSatisfy({ byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      })
    else { return nil }
    self.bytes = [UInt8](bytes)
  }

  /// Whether a text is the token.
  ///
  /// Looks at as many bytes whatever the text is, so that its time tells nothing of the token.
  func matches(_ text: some StringProtocol) -> Bool {
    let guess = [UInt8](text.utf8)
    var difference = guess.count ^ bytes.count
    for (index, byte) in bytes.enumerated() {
      // Beyond the guess's end any byte will do: the lengths differ already.
      let other = guess.isEmpty ? 0 : guess[index % guess.count]
      difference |= Int(byte ^ other)
    }
    return difference == 0
  }
}
