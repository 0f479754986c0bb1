// Tests of a row's figures, of its grade, and of the ratio of two rows.

import Reports
import Testing

@testable import Comparison

/// Blocks of batches of 1000 operations, each batch at a cost of its own.
func measurement(
  blocks: Int, batches: Int = 20, pressure: Double = 0, firstNumber: Int = 0,
  tainted: (Int) -> Bool = { _ in false }, cost: (_ block: Int, _ batch: Int) -> Int
) -> RowMeasurement {
  RowMeasurement(
    blocks: (0..<blocks).map { block in
      MeasuredBlock(
        number: firstNumber + block, position: 0,
        batches: (0..<batches).map { batch in
          Batch(
            nanoseconds: cost(block, batch), operations: 1000,
            runDelayNanoseconds: tainted(batch) ? 1 : 0)
        }, pressure: pressure)
    }, switchesInKernel: false)
}

@Suite struct RowStatisticsTests {
  private func row(_ measurement: RowMeasurement) -> Row {
    var row = Row(workload: "ring", backend: "a", stack: "mapped:64KiB", parameters: [:])
    RowStatistics.summarise(measurement, into: &row)
    return row
  }

  @Test("percentiles are over clean batches, operations over all")
  func figures() {
    let row = row(
      measurement(
        blocks: 10, tainted: { $0 >= 10 },
        cost: { _, batch in batch >= 10 ? 900_000 : 10_000 + batch }))
    #expect(row.p10 == 10.000)
    #expect(row.p50 == 10.004)
    #expect(row.p99 == 10.009)
    #expect(row.operations == 200_000)
    #expect(row.blocks == 10)
    #expect(row.cleanShare == 0.5)
  }

  @Test("a row without batches has no figures and grade F")
  func empty() {
    let row = row(RowMeasurement(blocks: [], switchesInKernel: false))
    #expect(row.p10 == nil && row.p50 == nil && row.p99 == nil)
    #expect(row.cleanShare == 0)
    #expect(row.grade == .f)
  }

  @Test("quiet rows get A, and each disturbance costs its grade")
  func grades() {
    let steady = { (_: Int, batch: Int) in 10_000 + batch }
    #expect(row(measurement(blocks: 10, cost: steady)).grade == .a)
    #expect(row(measurement(blocks: 10, pressure: 0.1, cost: steady)).grade == .b)
    #expect(row(measurement(blocks: 10, pressure: 0.5, cost: steady)).grade == .c)
    #expect(row(measurement(blocks: 10, pressure: 0.7, cost: steady)).grade == .d)
    #expect(row(measurement(blocks: 10, tainted: { $0 < 1 }, cost: steady)).grade == .b)
    #expect(row(measurement(blocks: 10, tainted: { $0 < 4 }, cost: steady)).grade == .c)
    #expect(row(measurement(blocks: 10, tainted: { $0 < 10 }, cost: steady)).grade == .d)
    let spread = { (_: Int, batch: Int) in 10_000 + batch * 100 }
    #expect(row(measurement(blocks: 10, cost: spread)).grade == .c)
  }

  @Test("too few clean batches, no interval, or a wide one: F")
  func gradeF() {
    #expect(row(measurement(blocks: 6, batches: 3, cost: { _, _ in 10_000 })).grade == .f)
    #expect(row(measurement(blocks: 5, cost: { _, _ in 10_000 })).grade == .f)
    let wide = measurement(blocks: 10, cost: { block, _ in 10_000 + block * 200 })
    #expect(row(wide).grade == .f)
  }

  @Test("two levels are two modes, and such a row is not of grade A")
  func modes() {
    let levels = measurement(blocks: 10, cost: { _, batch in batch < 10 ? 10_000 : 10_350 })
    let costs = levels.batches.map(\.nanosecondsPerOperation).sorted()
    #expect(RowStatistics.modeCount(of: costs) == 2)
    #expect(RowStatistics.modeCount(of: [9, 10, 11]) == 1)
    #expect(RowStatistics.modeCount(of: []) == 0)
    #expect(row(levels).grade == .b)
  }

  @Test("the ratio is of pairs: what slows both sides of a block does not count")
  func ratio() throws {
    let weather = [1, 4, 2, 9, 1, 3, 7, 2, 5, 1]
    let a = measurement(blocks: 10, cost: { block, _ in 10_000 * weather[block] })
    let b = measurement(blocks: 10, cost: { block, _ in 20_000 * weather[block] })
    let ratio = try #require(RowStatistics.ratio(of: b, to: a, named: "asm"))
    #expect(ratio.to == "asm")
    for figure in [ratio.estimate, ratio.low, ratio.high] { #expect(abs(figure - 2) < 1e-9) }
  }

  @Test("pairs have the same block number, and five are too few")
  func pairs() {
    let a = measurement(blocks: 10, cost: { _, _ in 10_000 })
    let shifted = measurement(blocks: 10, firstNumber: 5, cost: { _, _ in 10_000 })
    #expect(RowStatistics.logRatios(of: shifted, to: a).count == 5)
    #expect(RowStatistics.ratio(of: shifted, to: a, named: "a") == nil)
    let overlapping = measurement(blocks: 10, firstNumber: 4, cost: { _, _ in 10_000 })
    #expect(RowStatistics.ratio(of: overlapping, to: a, named: "a")?.estimate == 1)
  }
}
