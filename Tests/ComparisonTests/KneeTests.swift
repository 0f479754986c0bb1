// Tests of the knee of a sweep.

import Testing

@testable import Comparison

@Suite struct KneeTests {
  @Test("the knee is where the line between two sizes crosses twice the cheapest cost")
  func crossing() throws {
    let knee = try #require(
      Knee.of([(1, 10), (10, 10), (100, 10), (1000, 40), (10_000, 80)]))
    #expect(knee.measured == 1000)
    #expect(knee.cheapest == 10)
    // From 10 to 40 within a decade: twice 10 is half-way, on logarithmic axes.
    #expect(abs(knee.size - 316.2) < 0.1)
  }

  @Test("a dear size below cheap ones is no knee: what counts is the last rise")
  func earlyBump() {
    let knee = Knee.of([(1, 90), (10, 10), (100, 30), (1000, 12), (10_000, 48)])
    #expect(knee?.measured == 10_000)
  }

  @Test("the order of the points does not matter")
  func order() {
    let points = [(size: 1, cost: 5.0), (10, 6), (100, 20), (1000, 50)]
    #expect(Knee.of(points) == Knee.of(points.reversed()))
  }

  @Test(
    "there is no knee without a rise, and none without enough points",
    arguments: [
      [], [(1, 10.0)], [(1, 10), (10, 50)], [(1, 10), (10, 12), (100, 20)],
      [(1, 10), (10, 50), (100, 11)], [(0, 10), (10, 50), (100, 90)],
    ] as [[(Int, Double)]])
  func none(points: [(Int, Double)]) {
    #expect(Knee.of(points.map { (size: $0.0, cost: $0.1) }) == nil)
  }

  @Test("exactly twice the cheapest is not above it")
  func boundary() {
    #expect(Knee.of([(1, 10), (10, 20), (100, 20.1)])?.measured == 100)
  }
}
