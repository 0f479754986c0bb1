// Counters, gauges and histograms of the process, as OpenMetrics text.

/// What `MetricsSystem.bootstrap` takes, and `/metrics` shows.
public final class MetricsRegistry: Sendable {
  public init() {}
}
