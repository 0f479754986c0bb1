// Tests of the verdicts on two stored rows.

import Comparison
import Reports
import Testing

@Suite struct ComparisonTests {
  private func side(
    _ session: String, cost: Int, control: Int? = nil, blocks: Int = 10
  ) -> Comparison.Side {
    Comparison.Side(
      session: session, backend: "asm",
      measurement: measurement(blocks: blocks, cost: { _, _ in cost }),
      control: control.map { cost in measurement(blocks: blocks, cost: { _, _ in cost }) })
  }

  @Test(
    "the verdict follows from where the interval lies",
    arguments: [
      (1.03, 1.05, Comparison.Verdict.regressed), (0.90, 0.95, .improved),
      (0.99, 1.01, .equivalent), (0.99, 1.03, .inconclusive), (0.9, 1.1, .inconclusive),
      (1.01, 1.05, .inconclusive), (0.95, 0.99, .inconclusive), (1.0, 1.02, .inconclusive),
    ])
  func verdict(low: Double, high: Double, expected: Comparison.Verdict) {
    let ratio = Ratio(to: "asm", estimate: (low + high) / 2, low: low, high: high)
    #expect(Comparison.verdict(on: ratio, delta: 0.02) == expected)
  }

  @Test("rows of one session are paired, without a control")
  func paired() {
    let comparison = Comparison(of: side("s", cost: 11_000), to: side("s", cost: 10_000))
    #expect(comparison.paired)
    #expect(comparison.blocks == 10)
    #expect(comparison.verdict == .regressed)
    #expect(comparison.reason == nil)
  }

  @Test("rows of two sessions are compared in units of their controls")
  func controls() throws {
    // The second machine is twice as slow, and so is its control.
    let comparison = Comparison(
      of: side("t", cost: 20_000, control: 2000), to: side("s", cost: 10_000, control: 1000))
    #expect(!comparison.paired)
    #expect(comparison.verdict == .equivalent)
    let ratio = try #require(comparison.ratio)
    #expect(abs(ratio.estimate - 1) < 1e-9)
  }

  @Test("the interval between sessions spans from low over high to high over low")
  func conservative() throws {
    let noisy = Comparison.Side(
      session: "s", backend: "asm",
      measurement: measurement(blocks: 7, cost: { block, _ in 10_000 + 1000 * block }),
      control: measurement(blocks: 7, cost: { _, _ in 1000 }))
    var other = noisy
    other.session = "t"
    let ratio = try #require(Comparison(of: other, to: noisy).ratio)
    #expect(abs(ratio.low - 10.0 / 16) < 1e-9)
    #expect(abs(ratio.high - 16.0 / 10) < 1e-9)
  }

  @Test("without enough blocks or a control the verdict is inconclusive, and says why")
  func tooFew() {
    let few = Comparison(of: side("s", cost: 9, blocks: 5), to: side("s", cost: 1, blocks: 5))
    #expect(few.verdict == .inconclusive && few.ratio == nil && few.reason != nil)
    let bare = Comparison(of: side("t", cost: 9), to: side("s", cost: 1, control: 1))
    #expect(bare.verdict == .inconclusive && bare.ratio == nil && bare.reason != nil)
  }
}
