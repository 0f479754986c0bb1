// Tests of the order statistics against figures worked out by hand.

import Comparison
import Testing

@Suite struct MedianIntervalTests {
  @Test(
    "the rank is the one of the binomial table",
    arguments: [(6, 1), (8, 1), (9, 2), (10, 2), (20, 6), (40, 14), (100, 40)])
  func ranks(count: Int, rank: Int) {
    #expect(MedianInterval.rank(count: count) == rank)
  }

  @Test("below six values there is no interval at 95 %", arguments: [-1, 0, 1, 5])
  func tooFew(count: Int) { #expect(MedianInterval.rank(count: count) == nil) }

  @Test("a smaller alpha takes more values")
  func alpha() {
    #expect(MedianInterval.rank(count: 6, alpha: 0.025) == nil)
    #expect(MedianInterval.rank(count: 7, alpha: 0.025) == 1)
  }

  @Test("ten thousand values do not underflow")
  func large() throws {
    // By the normal approximation: n/2 − 1.96 √n / 2.
    let rank = try #require(MedianInterval.rank(count: 10_000))
    #expect((4901...4903).contains(rank))
  }

  @Test("the interval is made of measured values, and the median lies in the middle")
  func interval() throws {
    let values = (1...10).map(Double.init).shuffled()
    let interval = try #require(MedianInterval.of(values))
    #expect(interval == (estimate: 5.5, low: 2, high: 9))
  }

  @Test("quantiles are nearest ranks, without an error of binary fractions")
  func quantiles() {
    let values = (1...100).map(Double.init)
    #expect(Quantile.of(values, 0.07) == 7)
    #expect(Quantile.of(values, 0.10) == 10)
    #expect(Quantile.of(values, 0.99) == 99)
    #expect(Quantile.of(values, 0) == 1)
    #expect(Quantile.of(values, 1) == 100)
    #expect(Quantile.of([3], 0.5) == 3)
    #expect(Quantile.of([1, 2, 3], 0.10) == 1)
  }
}
