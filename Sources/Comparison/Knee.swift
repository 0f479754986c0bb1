// The knee of a sweep: the size from which on an operation costs clearly more.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where a sweep over sizes gets dear.
///
/// The sizes are what a cache or a translation buffer has to hold, so the cost is flat, then rises,
/// and stays high. With the cheapest of all costs c, the knee is the point from which on every
/// measured cost is above `factor` · c. It lies between two measured sizes; where exactly is read
/// off the straight line between the two in a picture with logarithmic axes.
public struct Knee: Hashable, Sendable {
  /// Twice: far above what two quiet runs differ by, and below what the next cache costs.
  public static let factor = 2.0

  /// The size at which the line crosses.
  public let size: Double

  /// The smallest measured size above it.
  public let measured: Int

  /// The cheapest of all costs.
  public let cheapest: Double

  /// Finds the knee.
  ///
  /// - Parameter points: Positive sizes and costs, in any order; no size twice.
  /// - Returns: nil when there are fewer than three points, when the largest size is still cheap, or
  ///   when the smallest one is dear already and so there is no flat part before it.
  public static func of(_ points: [(size: Int, cost: Double)]) -> Knee? {
    let sorted = points.filter { $0.size > 0 && $0.cost > 0 }.sorted { $0.size < $1.size }
    guard sorted.count >= 3, let cheapest = sorted.map(\.cost).min() else { return nil }
    let bound = factor * cheapest
    guard let last = sorted.lastIndex(where: { $0.cost <= bound }), last + 1 < sorted.count
    else { return nil }
    let (below, above) = (sorted[last], sorted[last + 1])
    let share = log(bound / below.cost) / log(above.cost / below.cost)
    let crossing = log(Double(below.size)) + share * log(Double(above.size) / Double(below.size))
    return Knee(size: exp(crossing), measured: above.size, cheapest: cheapest)
  }

  private init(size: Double, measured: Int, cheapest: Double) {
    self.size = size
    self.measured = measured
    self.cheapest = cheapest
  }
}
