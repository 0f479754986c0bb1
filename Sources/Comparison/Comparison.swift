// Two stored rows against each other: the ratio, its interval, and one of four verdicts.

public import Reports

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What two stored rows say about each other.
public struct Comparison: Codable, Hashable, Sendable {
  /// What the interval of the ratio proves.
  public enum Verdict: String, Codable, Sendable {
    /// All of the interval is above 1 + delta.
    case regressed

    /// All of the interval is below 1 / (1 + delta).
    case improved

    /// All of the interval is between the two.
    case equivalent

    /// Anything else. It does not mean that the rows do not differ.
    case inconclusive
  }

  /// One row, with what its session measured next to it.
  public struct Side: Hashable, Sendable {
    /// The session's UUID.
    public var session: String
    public var backend: String
    public var measurement: RowMeasurement

    /// The session's control workload.
    public var control: RowMeasurement?

    public init(
      session: String, backend: String, measurement: RowMeasurement, control: RowMeasurement?
    ) {
      self.session = session
      self.backend = backend
      self.measurement = measurement
      self.control = control
    }
  }

  public var verdict: Verdict

  /// How many times slower the second row is; nil when there are too few blocks.
  public var ratio: Ratio?

  /// Whether blocks of one session were compared pair by pair.
  ///
  /// Otherwise each block was first divided by its session's control block.
  public var paired: Bool

  /// Blocks that count: pairs, or the fewer of both sides.
  public var blocks: Int
  public var delta: Double

  /// One sentence about why there is no ratio.
  public var reason: String?

  /// Compares `b` with `a`.
  ///
  /// Rows of different sessions are compared by what they cost in units of the control workload.
  /// Their interval is conservative: from the low end of one side's interval over the high end of
  /// the other's to the reverse, each of them at 97.5 %.
  ///
  /// - Parameters:
  ///   - b: The row to judge.
  ///   - a: The row to compare with.
  ///   - delta: The smallest relative change that matters.
  public init(of b: Side, to a: Side, delta: Double = 0.02) {
    self.delta = delta
    paired = a.session == b.session
    if paired {
      blocks = RowStatistics.logRatios(of: b.measurement, to: a.measurement).count
      ratio = RowStatistics.ratio(of: b.measurement, to: a.measurement, named: a.backend)
      reason = ratio == nil ? "\(blocks) pairs of blocks are too few; measure 6 or more" : nil
    } else {
      let costsOfA = Self.costsInControls(a)
      let costsOfB = Self.costsInControls(b)
      blocks = min(costsOfA.count, costsOfB.count)
      if let sideA = MedianInterval.of(costsOfA, alpha: 0.025),
        let sideB = MedianInterval.of(costsOfB, alpha: 0.025)
      {
        ratio = Ratio(
          to: a.backend, estimate: sideB.estimate / sideA.estimate, low: sideB.low / sideA.high,
          high: sideB.high / sideA.low)
      } else {
        reason = "\(blocks) blocks with a control are too few; measure 7 or more in each session"
      }
    }
    verdict = ratio.map { Self.verdict(on: $0, delta: delta) } ?? .inconclusive
  }

  /// The verdict on an interval.
  ///
  /// - Parameters:
  ///   - ratio: How many times slower the judged row is.
  ///   - delta: The smallest relative change that matters.
  /// - Returns: Inconclusive unless all of the interval is on one side of a limit.
  public static func verdict(on ratio: Ratio, delta: Double) -> Verdict {
    let limit = log(1 + delta)
    let low = log(ratio.low)
    let high = log(ratio.high)
    if low > limit { return .regressed }
    if high < -limit { return .improved }
    return low > -limit && high < limit ? .equivalent : .inconclusive
  }

  private static func costsInControls(_ side: Side) -> [Double] {
    guard let control = side.control else { return [] }
    return RowStatistics.logRatios(of: side.measurement, to: control).map { exp($0) }
  }
}
