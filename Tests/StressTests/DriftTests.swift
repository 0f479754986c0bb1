// Slopes of points: of a line, of noise without a slope, and with some points far off.

import StressKit
import Testing

struct DriftTests {
  private static let x = (0..<12).map { Double($0) }

  @Test func findsTheSlopeOfALine() {
    let drift = Drift(Self.x, Self.x.map { 3 * $0 + 7 })
    #expect(drift.slope == 3 && drift.error == 0 && drift.least == 3)
  }

  @Test func somePointsFarOffChangeLittle() {
    var y = Self.x.map { 3 * $0 + 7 }
    (y[2], y[9]) = (1000, -500)
    #expect(abs(Drift(Self.x, y).slope - 3) < 0.01)
  }

  @Test func noiseIsNoDrift() {
    var generator = TrialGenerator(seed: 7)
    var alarms = 0
    for _ in 0..<1000 {
      let y = Self.x.map { _ in Double.random(in: -1...1, using: &generator) }
      if Drift(Self.x, y).least > 0 { alarms += 1 }
    }
    #expect(alarms < 100, "\(alarms) of 1000")
  }

  @Test func aTrimInTheMiddleHidesNoLeak() {
    let y: [Double] = [0, 10, 20, 19.9, 30, 40, 50, 49, 60, 70, 80, 90]
    #expect(Drift(Self.x, y).least > 5)
  }

  @Test func fewPointsAreEnough() {
    #expect(Drift([0, 1], [5, 6]).slope == 1)
    #expect(Drift([1], [5]).slope == 0)
  }
}
