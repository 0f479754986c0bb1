// How long to wait before something that failed is tried again.

/// Waits that double: none at first, so that one fault costs nothing, then longer and longer.
struct BackOff: Hashable {
  private(set) var failures = 0
  let first: Duration
  let longest: Duration

  init(first: Duration = .milliseconds(100), longest: Duration = .seconds(10)) {
    self.first = first
    self.longest = longest
  }

  /// Counts a failure.
  ///
  /// - Parameter most: The longest wait for failures of this kind; `longest` if not given.
  /// - Returns: How long to wait before the next attempt.
  mutating func failed(atMost most: Duration? = nil) -> Duration {
    failures += 1
    guard failures > 1 else { return .zero }
    // Beyond 20 doublings any wait is the longest one.
    return min(most ?? longest, longest, first * (1 << min(failures - 2, 20)))
  }

  mutating func succeeded() { failures = 0 }
}
