// Seeds as people write them: decimal, or hexadecimal with 0x.

/// Reads seeds.
public enum SeedText {
  public static let form = "a whole number below 2^64, as in 7 or 0x51c2"

  /// Reads a seed; nil where the text is none.
  public static func parse(_ text: String) -> UInt64? {
    if text.lowercased().hasPrefix("0x") { return UInt64(text.dropFirst(2), radix: 16) }
    return UInt64(text.replacing("_", with: ""))
  }
}
