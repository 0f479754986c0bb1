// One bar: what must hold, what was measured, and whether it does.

import Foundation

/// The outcome of a bar.
struct Bar: Encodable {
  let bar: String
  let measured: Double
  let bound: Double
  let ok: Bool

  /// "<=", ">=", or "" for a figure without a bound.
  let relation: String
  let unit: String

  /// Smallest and largest of the repetitions.
  let low: Double
  let high: Double

  /// The median of repetitions against a bound.
  ///
  /// - Precondition: At least one value.
  init(_ name: String, _ values: [Double], atMost bound: Double, unit: String) {
    let sorted = values.sorted()
    (bar, measured, self.bound) = (name, sorted[sorted.count / 2], bound)
    (relation, self.unit) = ("<=", unit)
    (low, high) = (sorted[0], sorted[sorted.count - 1])
    ok = measured <= bound
  }

  init(_ name: String, _ values: [Double], atLeast bound: Double, unit: String) {
    let sorted = values.sorted()
    (bar, measured, self.bound) = (name, sorted[sorted.count / 2], bound)
    (relation, self.unit) = (">=", unit)
    (low, high) = (sorted[0], sorted[sorted.count - 1])
    ok = measured >= bound
  }

  /// A figure that is shown for the reader and has no bound.
  init(_ name: String, shown values: [Double], unit: String) {
    let sorted = values.sorted()
    (bar, measured, bound) = (name, sorted[sorted.count / 2], 0)
    (relation, self.unit) = ("", unit)
    (low, high) = (sorted[0], sorted[sorted.count - 1])
    ok = true
  }

  /// One line of the table.
  var line: String {
    func number(_ value: Double) -> String { String(format: "%.3g", value) }
    let name = bar.padding(toLength: max(44, bar.count), withPad: " ", startingAt: 0)
    let figure = "\(number(measured)) \(unit)".padding(toLength: 12, withPad: " ", startingAt: 0)
    let wanted = (relation.isEmpty ? "" : "\(relation) \(number(bound))").padding(
      toLength: 10, withPad: " ", startingAt: 0)
    return
      "\(name)\(figure)\(wanted)[\(number(low)), \(number(high))]  \(relation.isEmpty ? "shown" : ok ? "ok" : "SHORT")"
  }
}
