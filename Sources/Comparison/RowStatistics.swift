// From the batches of a row to its figures: percentiles, the grade, the ratio to another row.

public import Reports

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The figures of a row.
public enum RowStatistics {
  /// Fewer clean batches than this decide nothing.
  static let cleanBatchesMin = 20

  /// Fills in what follows from the batches alone: percentiles, counts, clean share and grade.
  ///
  /// - Parameters:
  ///   - measurement: The row's batches.
  ///   - row: Its status, verification, ratio and memory are left as they are.
  ///   - delta: The relative half-width above which an estimate decides nothing.
  public static func summarise(
    _ measurement: RowMeasurement, into row: inout Row, delta: Double = 0.02
  ) {
    let batches = measurement.batches
    let clean = cleanCosts(of: batches, measurement).sorted()
    row.operations = batches.reduce(0) { $0 + $1.operations }
    row.blocks = measurement.blocks.count
    row.cleanShare = batches.isEmpty ? 0 : Double(clean.count) / Double(batches.count)
    row.p10 = clean.isEmpty ? nil : Quantile.of(clean, 0.10)
    row.p50 = clean.isEmpty ? nil : Quantile.of(clean, 0.50)
    row.p99 = clean.isEmpty ? nil : Quantile.of(clean, 0.99)
    row.p10Interval = MedianInterval.of(Array(blockCosts(of: measurement).values)).map {
      Interval(low: $0.low, high: $0.high)
    }
    row.grade = grade(
      of: clean, tainted: 1 - row.cleanShare, measurement, delta: delta)
  }

  /// How many times slower a row is than another one of the same session.
  ///
  /// Blocks of the same number are a pair: they ran next to each other, and most of what disturbed
  /// one disturbed the other.
  ///
  /// - Parameters:
  ///   - b: The row to judge.
  ///   - a: The row to compare with.
  ///   - name: The backend of `a`.
  /// - Returns: The median of the pairs' ratios with its 95 % interval; nil below 6 pairs.
  public static func ratio(
    of b: RowMeasurement, to a: RowMeasurement, named name: String
  ) -> Ratio? {
    guard let logRatio = MedianInterval.of(logRatios(of: b, to: a)) else { return nil }
    return Ratio(
      to: name, estimate: exp(logRatio.estimate), low: exp(logRatio.low), high: exp(logRatio.high))
  }

  /// The logarithm of the ratio of every pair of blocks that both have an estimate.
  static func logRatios(of b: RowMeasurement, to a: RowMeasurement) -> [Double] {
    let costs = blockCosts(of: a)
    return blockCosts(of: b).sorted { $0.key < $1.key }.compactMap { number, cost in
      costs[number].map { log(cost / $0) }
    }
  }

  /// The cost of an operation in each block: the tenth percentile of the block's clean batches.
  ///
  /// A block without a clean batch has none.
  static func blockCosts(of measurement: RowMeasurement) -> [Int: Double] {
    var costs: [Int: Double] = [:]
    for block in measurement.blocks {
      let clean = cleanCosts(of: block.batches, measurement).sorted()
      guard !clean.isEmpty else { continue }
      let cost = Quantile.of(clean, 0.10)
      if cost > 0 { costs[block.number] = cost }
    }
    return costs
  }

  private static func cleanCosts(
    of batches: [Batch], _ measurement: RowMeasurement
  ) -> [Double] {
    batches.lazy
      .filter {
        $0.operations > 0 && $0.isClean(switchesInKernel: measurement.switchesInKernel)
      }
      .map(\.nanosecondsPerOperation)
  }

  private static func grade(
    of clean: [Double], tainted: Double, _ measurement: RowMeasurement, delta: Double
  ) -> Row.Grade {
    guard clean.count >= cleanBatchesMin,
      let interval = MedianInterval.of(Array(blockCosts(of: measurement).values)),
      (interval.high - interval.low) / 2 <= delta * interval.estimate
    else { return .f }
    let pressure =
      measurement.blocks.reduce(0) { $0 + $1.pressure } / Double(measurement.blocks.count)
    let variation = coefficientOfVariation(of: clean)
    if tainted < 0.02, pressure < 0.05, variation < 0.02, modeCount(of: clean) == 1 { return .a }
    if tainted < 0.10, pressure < 0.20, variation < 0.05 { return .b }
    if tainted < 0.30, pressure < 0.60, variation < 0.10 { return .c }
    return .d
  }

  /// The standard deviation (n − 1) over the mean.
  static func coefficientOfVariation(of values: [Double]) -> Double {
    guard values.count > 1 else { return 0 }
    let mean = values.reduce(0, +) / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return mean > 0 ? (squares / Double(values.count - 1)).squareRoot() / mean : 0
  }

  /// How many modes the values have.
  ///
  /// The values are counted in bins of 1 % of the median. A bin with at least a tenth of all values
  /// (and at least five) is high. Two high bins are of two modes when some bin between them has
  /// less than half of either.
  ///
  /// - Parameter sorted: In ascending order. What is not within half to twice the median is left
  ///   out.
  /// - Returns: At least 1, unless there are no values.
  static func modeCount(of sorted: [Double]) -> Int {
    guard !sorted.isEmpty else { return 0 }
    let median = Quantile.of(sorted, 0.5)
    guard median > 0 else { return 1 }
    var bins = [Int](repeating: 0, count: 152)
    for value in sorted where value >= median / 2 && value <= median * 2 {
      // Half a bin aside, so that the median lies in the middle of its bin.
      bins[Int(value / median * 100 - 49.5)] += 1
    }
    let high = max(5, sorted.count / 10)
    var modes = 0
    var peak = 0
    var valley = 0
    for count in bins {
      if peak == 0 {
        valley = min(valley, count)
        if count >= high, count > 2 * valley { peak = count }
      } else {
        peak = max(peak, count)
        if count * 2 < peak {
          modes += 1
          peak = 0
          valley = count
        }
      }
    }
    return max(1, peak > 0 ? modes + 1 : modes)
  }
}
