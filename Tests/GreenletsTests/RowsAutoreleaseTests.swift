// The hazard that is Darwin's alone.

import Foundation
import Testing

struct RowsAutoreleaseTests {
  @Test("V8: no runtime with autorelease pools is in the process, so there is none to balance")
  func thereAreNoAutoreleasePools() {
    // Where there is one, each greenlet needs a pool of its own, pushed and popped by the engine.
    unsafe #expect(dlsym(nil, "objc_autoreleasePoolPush") == nil)
  }
}
