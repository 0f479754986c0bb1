// One counter, one gauge, one histogram.

import CoreMetrics
import Synchronization

/// A number that only grows.
final class CounterSeries: CounterHandler, FloatingPointCounterHandler, Sendable {
  private let stored = Mutex(0.0)

  var value: Double { stored.withLock { $0 } }

  func increment(by amount: Int64) { increment(by: Double(amount)) }

  func increment(by amount: Double) {
    // A counter that goes down would be read as a restart.
    guard amount > 0, amount.isFinite else { return }
    stored.withLock { $0 += amount }
  }

  func reset() { stored.withLock { $0 = 0 } }
}

/// A number as it is now.
final class GaugeSeries: MeterHandler, RecorderHandler, Sendable {
  private let stored = Mutex(0.0)

  var value: Double { stored.withLock { $0 } }

  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { stored.withLock { $0 = value } }
  func increment(by amount: Double) { stored.withLock { $0 += amount } }
  func decrement(by amount: Double) { stored.withLock { $0 -= amount } }
  func record(_ value: Int64) { set(Double(value)) }
  func record(_ value: Double) { set(value) }
}

/// How many values there were up to each of some bounds.
final class HistogramSeries: TimerHandler, RecorderHandler, Sendable {
  static let seconds: [Double] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5]
  static let powersOfTen: [Double] = (0...9).map { power in
    (0..<power).reduce(1.0) { value, _ in value * 10 }
  }

  struct Counts: Sendable {
    /// One for each bound, and one for what is above all of them.
    var buckets: [Int]
    var sum = 0.0
    var count: Int { buckets.reduce(0, +) }
  }

  let bounds: [Double]
  private let stored: Mutex<Counts>

  init(bounds: [Double]) {
    self.bounds = bounds
    stored = Mutex(Counts(buckets: [Int](repeating: 0, count: bounds.count + 1)))
  }

  var counts: Counts { stored.withLock { $0 } }

  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
  func record(_ value: Int64) { record(Double(value)) }

  func record(_ value: Double) {
    guard value.isFinite else { return }
    let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
    stored.withLock { counts in
      counts.buckets[bucket] += 1
      counts.sum += value
    }
  }
}
