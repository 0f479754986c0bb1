// Rows that differ in one number alone: a sweep, which is read as a curve.

public import Comparison
public import Reports

/// The sweep that a session is.
public struct Sweep: Sendable {
  /// The parameter that changes.
  public let parameter: String

  /// One for each backend, in the order of the rows.
  public let series: [Series]

  /// The rows of one backend, by the parameter's value.
  public struct Series: Sendable {
    public let backend: String
    public let points: [(value: Int, row: Row)]
    public let knee: Knee?
  }

  /// Finds the sweep: rows of one workload on one kind of stack with at least three values of one
  /// parameter, and all others the same.
  public init?(_ report: RunReport) {
    let rows = report.rows
    guard let first = rows.first, Set(rows.map(\.workload)).count == 1,
      Set(rows.map(\.stack)).count == 1
    else { return nil }
    let varying = first.parameters.keys.filter { name in
      Set(rows.map { $0.parameters[name] }).count > 1
    }
    guard varying.count == 1, let name = varying.first,
      Set(rows.map { $0.parameters[name] }).count > 2
    else { return nil }
    var backends: [String] = []
    for row in rows where !backends.contains(row.backend) { backends.append(row.backend) }
    parameter = name
    series = backends.map { backend in
      let points = rows.filter { $0.backend == backend }
        .compactMap { row in row.parameters[name].map { (value: $0, row: row) } }
        .sorted { $0.value < $1.value }
      let measured = points.compactMap { point in
        point.row.status == .ok ? point.row.p10.map { (size: point.value, cost: $0) } : nil
      }
      return Series(backend: backend, points: points, knee: Knee.of(measured))
    }
  }
}
