// What rows took: the memory below the table of a run, and the table of a sweep.

import BenchmarkRunner
import Comparison
import Reports

/// Lines about memory.
enum MemoryTable {
  /// The memory of a run's rows; nothing for workloads whose coroutines are no matter.
  static func lines(of report: RunReport, width: Int) -> [String] {
    guard report.rows.contains(where: { $0.memory?.liveGreenlets != nil }) else { return [] }
    var table = TextTable([
      "MEMORY", "STACK", "BACKEND", "live", "B/greenlet", "high water", "RSS", "PSS", "mappings",
      "page tables", "faults", "made in", "ended in",
    ])
    table.rightAligned = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    for row in report.rows {
      guard let memory = row.memory else { continue }
      table.rows.append([
        ReportTable.workload(row), row.stack, row.backend,
        memory.liveGreenlets.map(ReportTable.grouped) ?? "-", ReportTable.bytesPerGreenlet(row),
        highWater(memory), size(memory.residentBytes), size(memory.proportionalBytes),
        ReportTable.grouped(memory.mappings), size(memory.pageTableBytes), faults(memory),
        ReportTable.duration(memory.createNanoseconds.map(Double.init)),
        ReportTable.duration(memory.destroyNanoseconds.map(Double.init)),
      ])
    }
    var hidden: Set<Int> = []
    for column in 0...1 where Set(table.rows.map { $0[column] }).count < 2 {
      hidden.insert(column)
    }
    let text = table.text(
      width: width, shrinking: [2, 0], dropping: [7, 12, 11, 10, 1, 9], hiding: hidden)
    return text.split(separator: "\n").map(String.init) + report.rows.compactMap(life)
  }

  /// What became of all coroutines of a row, where there were many.
  private static func life(_ row: Row) -> String? {
    guard row.verified, let memory = row.memory, let live = memory.liveGreenlets, live >= 1000
    else { return nil }
    return "\(row.backend): \(ReportTable.grouped(live)) coroutines created, switched to once and"
      + " destroyed without an error"
  }

  /// The table of a sweep, and where its knees are.
  static func lines(of sweep: Sweep, width: Int) -> [String] {
    var table = TextTable([
      sweep.parameter, "BACKEND", "B/greenlet", "P10", "95 % CI", "vs first (95 % CI)",
      "mappings", "page tables", "faults", "verify", "grade",
    ])
    table.rightAligned = [0, 2, 3, 6, 7, 8]
    for series in sweep.series {
      for (value, row) in series.points {
        table.rows.append([
          ReportTable.grouped(value), row.backend, ReportTable.bytesPerGreenlet(row),
          ReportTable.duration(row.p10), interval(row), row.ratio.map(ReportTable.ratio) ?? "-",
          row.memory.map { ReportTable.grouped($0.mappings) } ?? "-",
          row.memory.map { size($0.pageTableBytes) } ?? "-", row.memory.map(faults) ?? "-",
          ReportTable.verified(row), row.grade.rawValue,
        ])
      }
    }
    let hidden: Set<Int> = sweep.series.count < 2 ? [5] : []
    let text = table.text(width: width, shrinking: [1], dropping: [5, 8, 7, 6], hiding: hidden)
    return text.split(separator: "\n").map(String.init)
      + sweep.series.map { knee($0, of: sweep.parameter) }
  }

  private static func knee(_ series: Sweep.Series, of parameter: String) -> String {
    guard let knee = series.knee else {
      return "\(series.backend): no knee; up to the largest \(parameter), no P10 stays above"
        + " \(Int(Knee.factor))x the cheapest"
    }
    return "\(series.backend): knee at about \(ReportTable.rounded(knee.size)) \(parameter); from"
      + " there on an operation costs over \(Int(Knee.factor))x the cheapest,"
      + " \(ReportTable.duration(knee.cheapest))"
  }

  private static func interval(_ row: Row) -> String {
    guard let interval = row.p10Interval else { return "-" }
    return "[\(ReportTable.number(interval.low)), \(ReportTable.number(interval.high))]"
  }

  private static func highWater(_ memory: MemoryFigures) -> String {
    guard let most = memory.highWaterBytes else { return "-" }
    let median = memory.highWaterMedianBytes ?? most
    return median == most
      ? ReportTable.grouped(most)
      : "\(ReportTable.grouped(most)), median \(ReportTable.grouped(median))"
  }

  private static func faults(_ memory: MemoryFigures) -> String {
    guard let minor = memory.minorFaults else { return "-" }
    let major = memory.majorFaults ?? 0
    return ReportTable.grouped(minor) + (major > 0 ? " + \(ReportTable.grouped(major)) major" : "")
  }

  /// Three digits and a unit, as in `4.22 GiB`.
  static func size(_ bytes: Int) -> String {
    for (unit, scale) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes >= 1 << scale {
      return "\(ReportTable.number(Double(bytes) / Double(1 << scale))) \(unit)"
    }
    return "\(bytes) B"
  }
}
