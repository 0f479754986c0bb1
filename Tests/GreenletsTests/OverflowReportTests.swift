// Who overflowed: the process dies of it as before, and says whose stack it was.

import Greenlets
import Testing

struct OverflowReportTests {
  @Test("V13: an overflow names the greenlet and its stack, and the process dies")
  func anOverflowNamesTheGreenlet() async throws {
    let result = try await #require(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      // Not a sum: the optimiser makes a loop of that.
      @inline(never) func dig(_ depth: Int) -> Int {
        depth < 0 ? 0 : (dig(depth + 1) ^ depth) &* 31
      }
      guard OverflowReport.enable() else { return }
      let digger = Greenlet { dig(1) }
      let _: Int = try digger.switch()
    }
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.contains("greenlets: greenlet number 2 has overflowed its stack of "))
  }
}
