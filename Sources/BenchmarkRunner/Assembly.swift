// Puts the groups of a session together into its record.

import Comparison
import Foundation
import Reports

/// Makes records of groups.
enum Assembly {
  static func record(
    _ groups: [GroupResult], plan: Plan, environment: [String: String], began: Int,
    commandLine: String, source: SourceVersion
  ) -> SessionRecord {
    var rows: [Row] = []
    var measurements: [RowMeasurement] = []
    var controlBlocks: [MeasuredBlock] = []
    var control: Participant?
    var failure: ControlFailure?
    for group in groups {
      let members = group.participants.filter { !$0.isControl }
      for member in members {
        rows.append(row(of: member, first: members[0]))
        measurements.append(member.measurement)
      }
      if let found = group.participants.first(where: \.isControl) {
        control = found
        controlBlocks += found.blocks
        failure = failure ?? Self.failure(of: found)
      }
    }
    let exit = exitCode(rows, interrupted: groups.contains(where: \.interrupted))
    let verdict: RunReport.Verdict =
      switch exit {
      case 0: .ok
      case 130: .interrupted
      default: .failed
      }
    return SessionRecord(
      report: RunReport(
        session: UUID().uuidString.lowercased(), seed: plan.scenario.seed,
        environment: environment, verdict: verdict, exit: exit, rows: rows,
        notes: plan.notes + (failure.map { ["the control failed: \($0.failure)"] } ?? [])),
      startedUnixNanoseconds: began,
      commandLine: commandLine, source: source, measurements: measurements,
      control: control.flatMap {
        controlBlocks.isEmpty && failure == nil
          ? nil : RowMeasurement(blocks: controlBlocks, switchesInKernel: $0.switchesInKernel)
      }, controlFailure: failure)
  }

  /// Ctrl-C is no failure of the control.
  private static func failure(of control: Participant) -> ControlFailure? {
    guard let sentence = control.row.failure, control.row.status != .interrupted else { return nil }
    return ControlFailure(
      status: control.row.status, failure: sentence, backtrace: control.row.backtrace)
  }

  private static func row(of member: Participant, first: Participant) -> Row {
    var row = member.row
    let measurement = member.measurement
    RowStatistics.summarise(measurement, into: &row)
    row.blocks = measurement.blocks.count
    row.operations = measurement.batches.reduce(0) { $0 + $1.operations }
    if member.request == first.request {
      if row.p10 != nil { row.ratio = Ratio(to: row.backend, estimate: 1, low: 1, high: 1) }
    } else {
      row.ratio = RowStatistics.ratio(
        of: measurement, to: first.measurement, named: first.request.backend)
    }
    return row
  }

  /// 0 ok, 3 a row failed, 9 nothing ran, 130 interrupted.
  static func exitCode(_ rows: [Row], interrupted: Bool) -> Int32 {
    if interrupted { return 130 }
    if rows.contains(where: { $0.status != .ok }) { return 3 }
    return rows.contains { $0.blocks > 0 } ? 0 : 9
  }
}
