// Counters, gauges and histograms of the process.

public import CoreMetrics
import Synchronization

/// What `MetricsSystem.bootstrap` takes, and `/metrics` shows.
///
/// Bounded: a metric has at most 200 series, and all together have 1,000. What would be beyond is
/// counted as dropped, and goes nowhere.
public final class MetricsRegistry: MetricsFactory, Sendable {
  static let seriesMax = 1000
  static let familySeriesMax = 200

  /// A metric under its labels.
  struct Series: Hashable, Sendable {
    let family: String

    /// `{a="b"}`, or nothing.
    let labels: String
  }

  enum Value: Sendable {
    case counter(CounterSeries)
    case gauge(GaugeSeries)
    case histogram(HistogramSeries)

    var kind: String {
      switch self {
      case .counter: "counter"
      case .gauge: "gauge"
      case .histogram: "histogram"
      }
    }
  }

  struct Contents: Sendable {
    var series: [Series: Value] = [:]

    /// The kind and the number of series of each family.
    var families: [String: (kind: String, count: Int)] = [:]
    var help: [String: String] = [:]
    var dropped = 0
  }

  private let contents = Mutex(Contents())

  public init() {}

  /// What is there now.
  var snapshot: Contents { contents.withLock { $0 } }

  /// Says what a metric is, for `# HELP`.
  ///
  /// - Parameters:
  ///   - label: As it is given to `Counter`, `Gauge` and the like.
  ///   - help: One sentence.
  public func describe(_ label: String, _ help: String) {
    let family = Self.family(label)
    contents.withLock { contents in
      contents.help[family] = help
      // A timer's label gets its unit when it is made.
      contents.help[family + "_seconds"] = help
    }
  }

  public func makeCounter(
    label: String, dimensions: [(String, String)]
  ) -> any CounterHandler {
    counter(label, dimensions)
  }

  public func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    counter(label, dimensions)
  }

  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    gauge(label, dimensions)
  }

  public func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    aggregate
      ? histogram(Self.family(label), dimensions, bounds: HistogramSeries.powersOfTen)
      : gauge(label, dimensions)
  }

  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    let family = Self.family(label)
    return histogram(
      family.hasSuffix("_seconds") ? family : family + "_seconds", dimensions,
      bounds: HistogramSeries.seconds)
  }

  // Series stay when a handler goes: a counter that begins anew would look like a restart.
  public func destroyCounter(_ handler: any CounterHandler) {}
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
  public func destroyMeter(_ handler: any MeterHandler) {}
  public func destroyRecorder(_ handler: any RecorderHandler) {}
  public func destroyTimer(_ handler: any TimerHandler) {}

  private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterSeries {
    var family = Self.family(label)
    // The text adds it to the sample's name.
    if family.hasSuffix("_total") { family.removeLast("_total".count) }
    let made = keep(family, dimensions) { .counter(CounterSeries()) }
    if case .counter(let series) = made { return series }
    return CounterSeries()
  }

  private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries {
    let made = keep(Self.family(label), dimensions) { .gauge(GaugeSeries()) }
    if case .gauge(let series) = made { return series }
    return GaugeSeries()
  }

  private func histogram(
    _ family: String, _ dimensions: [(String, String)], bounds: [Double]
  ) -> HistogramSeries {
    let made = keep(family, dimensions) { .histogram(HistogramSeries(bounds: bounds)) }
    if case .histogram(let series) = made { return series }
    return HistogramSeries(bounds: bounds)
  }

  /// The series of these labels; nil where there is no room, or the family is of another kind.
  private func keep(
    _ family: String, _ dimensions: [(String, String)], make: () -> Value
  ) -> Value? {
    let series = Series(family: family, labels: OpenMetricsText.labels(dimensions))
    return contents.withLock { contents in
      if let known = contents.series[series] { return known }
      let made = make()
      let of = contents.families[family] ?? (made.kind, 0)
      guard of.kind == made.kind, of.count < Self.familySeriesMax,
        contents.series.count < Self.seriesMax
      else {
        contents.dropped += 1
        return nil
      }
      contents.families[family] = (of.kind, of.count + 1)
      contents.series[series] = made
      return made
    }
  }

  /// A label as a name of OpenMetrics.
  static func family(_ label: String) -> String {
    let name = String(
      label.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" ? $0 : "_" })
    return name.first?.isNumber == true ? "_" + name : name
  }
}
