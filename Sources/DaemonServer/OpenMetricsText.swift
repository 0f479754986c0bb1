// Metrics as text: OpenMetrics 1.0.

/// Writes families one after the other.
struct OpenMetricsText {
  static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

  private var text = ""

  /// All of a registry, and what is known of the process besides.
  ///
  /// - Parameters:
  ///   - registry: Whose series to write.
  ///   - gauges: More gauges, each with its sentence.
  /// - Returns: The document, with its end mark.
  static func document(
    of registry: MetricsRegistry, gauges: [(family: String, help: String, value: Double)]
  ) -> String {
    let contents = registry.snapshot
    var writer = OpenMetricsText()
    let byFamily = Dictionary(grouping: contents.series) { $0.key.family }
    for family in byFamily.keys.sorted() {
      let series = (byFamily[family] ?? []).sorted { $0.key.labels < $1.key.labels }
      guard let kind = series.first?.value.kind else { continue }
      writer.begin(family, kind, contents.help[family])
      for (key, value) in series { writer.write(key, value) }
    }
    for gauge in gauges where byFamily[gauge.family] == nil {
      writer.begin(gauge.family, "gauge", gauge.help)
      writer.line(gauge.family, "", gauge.value)
    }
    writer.begin(
      "greenbench_metrics_dropped", "counter", "Series that there was no room for.")
    writer.line("greenbench_metrics_dropped_total", "", Double(contents.dropped))
    return writer.text + "# EOF\n"
  }

  private mutating func begin(_ family: String, _ kind: String, _ help: String?) {
    text += "# TYPE \(family) \(kind)\n"
    if family.hasSuffix("_seconds") { text += "# UNIT \(family) seconds\n" }
    if family.hasSuffix("_bytes") { text += "# UNIT \(family) bytes\n" }
    text += "# HELP \(family) \(Self.escaped(help ?? "Not described."))\n"
  }

  private mutating func write(_ series: MetricsRegistry.Series, _ value: MetricsRegistry.Value) {
    let (family, labels) = (series.family, series.labels)
    switch value {
    case .counter(let counter): line(family + "_total", labels, counter.value)
    case .gauge(let gauge): line(family, labels, gauge.value)
    case .histogram(let histogram):
      let counts = histogram.counts
      var below = 0
      for (index, count) in counts.buckets.enumerated() {
        below += count
        let bound =
          index < histogram.bounds.count ? Self.number(histogram.bounds[index]) : "+Inf"
        let bucket =
          labels.isEmpty
          ? "{le=\"\(bound)\"}" : labels.dropLast() + ",le=\"\(bound)\"}"
        line(family + "_bucket", bucket, Double(below))
      }
      line(family + "_count", labels, Double(counts.count))
      line(family + "_sum", labels, counts.sum)
    }
  }

  private mutating func line(_ name: String, _ labels: String, _ value: Double) {
    text += "\(name)\(labels) \(Self.number(value))\n"
  }

  /// The shortest text that is this number.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: value), abs(whole) < 1 << 53 { return "\(whole)" }
    return "\(value)"
  }

  /// Labels in braces, by name; nothing when there are none.
  static func labels(_ dimensions: [(String, String)]) -> String {
    guard !dimensions.isEmpty else { return "" }
    let pairs = dimensions.sorted { $0.0 < $1.0 }.map { name, value in
      "\(MetricsRegistry.family(name))=\"\(escaped(value))\""
    }
    return "{" + pairs.joined(separator: ",") + "}"
  }

  private static func escaped(_ value: String) -> String {
    var text = ""
    for character in value.unicodeScalars.prefix(256) {
      switch character {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(character)
      }
    }
    return text
  }
}
