// Order statistics: nearest-rank quantiles, and the distribution-free interval of a median.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Quantiles by nearest rank: always a value that was measured.
public enum Quantile {
  /// The smallest value that at least `share` of all values do not exceed.
  ///
  /// - Parameters:
  ///   - sorted: At least one value, in ascending order.
  ///   - share: 0 to 1; a half is the (lower) median.
  /// - Returns: One of the values.
  public static func of(_ sorted: [Double], _ share: Double) -> Double {
    precondition(!sorted.isEmpty, "a quantile of no values")
    // 0.07 × 100 is 7.000000000000001 in binary, and still means the seventh value.
    let rank = Int((share * Double(sorted.count) - 1e-9).rounded(.up))
    return sorted[min(max(rank, 1), sorted.count) - 1]
  }
}

/// The interval of a median from order statistics: exact for every distribution, without a seed.
public enum MedianInterval {
  /// Which value from either end bounds the median.
  ///
  /// - Parameters:
  ///   - n: How many values there are.
  ///   - alpha: Probability, at most, that the interval misses the median.
  /// - Returns: The largest j with P(Bin(n, ½) ≤ j − 1) ≤ alpha / 2; nil when there is none, which
  ///   for the standard alpha is below 6 values.
  public static func rank(count n: Int, alpha: Double = 0.05) -> Int? {
    guard n > 0 else { return nil }
    // In logarithms: 2⁻ⁿ itself is 0 above a thousand values.
    var logTerm = -Double(n) * log(2.0)
    var below = exp(logTerm)
    var rank = 0
    while rank < n, below <= alpha / 2 {
      rank += 1
      logTerm += log(Double(n - rank + 1) / Double(rank))
      below += exp(logTerm)
    }
    return rank == 0 ? nil : rank
  }

  /// The median and its interval.
  ///
  /// - Parameters:
  ///   - values: In any order.
  ///   - alpha: Probability, at most, that the interval misses the median.
  /// - Returns: Nil when there are too few values for an interval.
  public static func of(
    _ values: [Double], alpha: Double = 0.05
  ) -> (estimate: Double, low: Double, high: Double)? {
    let n = values.count
    guard let rank = rank(count: n, alpha: alpha) else { return nil }
    let sorted = values.sorted()
    let estimate =
      n.isMultiple(of: 2) ? (sorted[n / 2 - 1] + sorted[n / 2]) / 2 : sorted[n / 2]
    return (estimate, sorted[rank - 1], sorted[n - rank])
  }
}
