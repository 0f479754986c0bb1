// Tokens of trials, their seeds, and schedules made shorter.

import StressKit
import Testing

struct TokenTests {
  @Test(arguments: ["leaks/0x51c2/7", "a-b/0x0/0", "x/0xffffffffffffffff/12~0,3-5,9"])
  func readsWhatItWrites(text: String) { #expect(TrialToken(text)?.description == text) }

  @Test(arguments: [
    "", "leaks", "leaks//7", "leaks/-7/7", "leaks/7f/7", "leaks/18446744073709551616/7",
    "leaks/0x/7",
    "/0x1/7", "a/0x1/-1", "a/0x1/1~", "a/0x1/1~3-2",
    "a/0x1/9223372036854775807", "a/0x1/1~x", "a/0x1/1~1~2", "a/0x1/1~-1", "a/0x1/1~0-99999999999",
  ])
  func refusesOthers(text: String) { #expect(TrialToken(text) == nil) }

  @Test(arguments: ["leaks/20930/7", "leaks/20_930/7", "leaks/0X51C2/7"])
  func readsASeedAsPeopleWriteIt(text: String) {
    #expect(TrialToken(text)?.description == "leaks/0x51c2/7")
  }

  @Test func leavesAStepOutOnce() {
    #expect(TrialToken("a/0x1/1~3,1-4,2")?.description == "a/0x1/1~1-4")
  }

  @Test func everyTrialHasItsOwnSeed() {
    var seeds: Set<UInt64> = []
    for name in ["leaks", "programs"] {
      for seed: UInt64 in [1, 2, 3] {
        for index in 0..<100 {
          seeds.insert(TrialToken(className: name, seed: seed, index: index).trialSeed)
        }
      }
    }
    #expect(seeds.count == 600)
  }

  @Test func findsTheStepsThatMatter() {
    for culprits in [[3], [0, 99], [17, 18, 60]] {
      let left = Shortening.shortest(Array(0..<100)) { kept in
        culprits.allSatisfy { kept.contains($0) }
      }
      #expect(left == culprits)
    }
  }

  @Test func keepsTheBestWhenTimeIsOver() {
    struct Enough: Error {}
    var tries = 0
    let left = Shortening.shortest(Array(0..<64)) { kept in
      tries += 1
      if tries > 2 { throw Enough() }
      return kept.contains(5)
    }
    #expect(left.count < 64)
    #expect(left.contains(5))
  }
}
