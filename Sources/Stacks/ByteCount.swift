// A size in bytes, how people write it, and the page arithmetic that stack sizes need.

/// A number of bytes.
///
/// A type of its own, so that a count of pages or of stacks cannot be passed where bytes are meant.
@frozen public struct ByteCount: Hashable, Comparable, Sendable {
  /// The count; never negative.
  public let bytes: Int

  /// Wraps a count.
  ///
  /// - Precondition: `bytes >= 0`.
  @inlinable public init(_ bytes: Int) {
    precondition(bytes >= 0, "a byte count is never negative")
    self.bytes = bytes
  }

  /// A count in units of 1024 bytes.
  public static func kibibytes(_ count: Int) -> ByteCount { ByteCount(count * 1024) }

  /// A count in units of 1024 KiB.
  public static func mebibytes(_ count: Int) -> ByteCount { ByteCount(count * 1024 * 1024) }

  /// Whether the left one has fewer bytes.
  public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

  /// This size, rounded up to whole pages.
  ///
  /// - Precondition: `page` is a power of two.
  public func roundedUp(toPagesOf page: ByteCount) -> ByteCount {
    precondition(page.bytes.nonzeroBitCount == 1, "a page size is a power of two")
    return ByteCount((bytes + page.bytes - 1) & ~(page.bytes - 1))
  }
}

extension ByteCount: CustomStringConvertible {
  /// The largest unit that divides the count: `64KiB`, `2MiB`, `100B`.
  public var description: String {
    if bytes > 0, bytes.isMultiple(of: 1 << 20) { return "\(bytes >> 20)MiB" }
    if bytes > 0, bytes.isMultiple(of: 1 << 10) { return "\(bytes >> 10)KiB" }
    return "\(bytes)B"
  }

  /// Reads `64KiB`, `2MiB`, `65536B` or `65536`.
  ///
  /// - Returns: nil for anything else, and for what does not fit.
  public init?(parsing text: some StringProtocol) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let count = Int(digits) else { return nil }
    let unit: Int
    switch text.dropFirst(digits.count) {
    case "", "B": unit = 1
    case "KiB": unit = 1 << 10
    case "MiB": unit = 1 << 20
    default: return nil
    }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: unit)
    guard !overflow else { return nil }
    self.init(bytes)
  }
}
