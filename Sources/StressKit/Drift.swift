// Whether something grows with time, told from what it does by chance.

/// The slope of a line through points, robust to some that lie far off.
public struct Drift: Sendable {
  /// Theil and Sen's: the median of the slopes of all pairs (Sen 1968).
  public let slope: Double

  /// Its standard error, from the points' median distance to the line.
  public let error: Double

  /// Lays a line through points.
  ///
  /// - Parameters:
  ///   - x: At least two different ones.
  ///   - y: As many.
  /// - Complexity: O(n^2).
  public init(_ x: [Double], _ y: [Double]) {
    var slopes: [Double] = []
    for (i, j) in x.indices.flatMap({ i in x.indices.dropFirst(i + 1).map { (i, $0) } })
    where x[i] != x[j] {
      slopes.append((y[j] - y[i]) / (x[j] - x[i]))
    }
    let slope = Self.median(slopes)
    self.slope = slope
    let rest = zip(x, y).map { $1 - slope * $0 }
    let middle = Self.median(rest)
    // 1.4826 makes a normal distribution's deviation of the median distance.
    let spread = 1.4826 * Self.median(rest.map { abs($0 - middle) })
    let mean = x.reduce(0, +) / Double(max(1, x.count))
    let width = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    error = width > 0 ? spread / width.squareRoot() : 0
  }

  /// What it is at least, but for one case in forty.
  public var least: Double { slope - 2 * error }

  /// The middle value; 0 of none.
  public static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
  }
}
