// Numbers as people write them: 50_000, 1e6, 64KiB, 1ms.

/// Reads whole numbers, sizes and durations; nil where the text is none.
public enum Quantity {
  public static let integerForm = "a whole number, as in 1000, 50_000 or 1e6"
  public static let sizeForm = "a size, as in 64KiB or 1MiB"
  public static let durationForm = "a duration, as in 500us, 1ms or 2s"

  public static let secondsForm = "a time, as in 90s, 10m or 2h"
  public static let decimalForm = "a number, as in 5 or 2.5"

  /// Reads a whole number with optional `_` between digits, or one like `1e6`.
  public static func integer(_ text: String) -> Int? {
    let bare = text.replacing("_", with: "")
    guard text.first != "_", text.last != "_", !text.contains("__") else { return nil }
    if let whole = Int(bare) { return whole }
    let parts = bare.lowercased().split(separator: "e", omittingEmptySubsequences: false)
    guard parts.count == 2, let exponent = Int(parts[1]), (0...18).contains(exponent) else {
      return nil
    }
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(mantissa.count) else { return nil }
    let decimals = mantissa.count == 2 ? mantissa[1] : ""
    guard decimals.count <= exponent, var value = Int(mantissa[0] + decimals) else { return nil }
    for _ in 0..<(exponent - decimals.count) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      value = product
    }
    return value
  }

  /// Reads a size in bytes: a number with KiB, MiB, GiB or B.
  public static func bytes(_ text: String) -> Int? {
    scaled(text, [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)])
  }

  /// Reads a duration in nanoseconds: a number with ns, us, ms or s.
  public static func nanoseconds(_ text: String) -> Int? {
    scaled(text, [("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000)])
  }

  /// Reads a longer time in seconds: a number with s, m or h.
  public static func seconds(_ text: String) -> Int? {
    scaled(text, [("s", 1), ("m", 60), ("h", 3600)])
  }

  /// Reads digits, with more of them after a point perhaps.
  public static func decimal(_ text: String) -> Double? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2,
      parts.allSatisfy({ part in
        !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
      })
    else { return nil }
    return Double(text)
  }

  private static func scaled(_ text: String, _ units: [(name: String, factor: Int)]) -> Int? {
    guard let unit = units.first(where: { text.hasSuffix($0.name) }) else { return nil }
    let number = text.dropLast(unit.name.count)
    guard let digit = number.last, digit.isNumber, let value = integer(String(number)), value > 0
    else { return nil }
    let (product, overflow) = value.multipliedReportingOverflow(by: unit.factor)
    return overflow ? nil : product
  }
}
