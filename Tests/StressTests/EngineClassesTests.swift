// The engine's classes, a few trials of each, in a process of their own: under sanitizers, too.

import EngineStress
import Foundation
import StressKit
import Testing

struct EngineClassesTests {
  /// Makes trials of a class.
  ///
  /// - Returns: What was found.
  static func findings(_ name: String, _ count: Int) -> [String] {
    guard let theClass = EngineClasses.all.first(where: { $0.about.name == name }) else {
      return ["there is no class \(name)"]
    }
    let scratch = FileManager.default.temporaryDirectory
      .appending(path: "stress-\(name)-\(ProcessInfo.processInfo.processIdentifier)")
    var found: [String] = []
    var ended = 0
    do {
      try TrialServer.serve(
        theClass, first: TrialToken(className: name, seed: 0x51c2, index: 0), count: count,
        profile: .pr, scratch: scratch, program: ""
      ) { line in
        guard case .ended(let result) = line else { return }
        ended += 1
        if case .failed(let what) = result.verdict { found.append("\(result.index): \(what)") }
      }
      try FileManager.default.removeItem(at: scratch)
    } catch { found.append("\(error)") }
    return ended == count ? found : found + ["\(ended) of \(count) trials were made"]
  }

  @Test("every cell of the matrix of misuse comes out as its table says")
  func misuse() async {
    await #expect(processExitsWith: .success) {
      #expect(EngineClassesTests.findings("misuse", 38) == [])
    }
  }

  @Test("threads do to each other's greenlets what they may and what they may not")
  func crossThread() async {
    await #expect(processExitsWith: .success) {
      #expect(EngineClassesTests.findings("cross-thread", 8) == [])
    }
  }

  @Test("random programs of every mode do what their model says")
  func programs() async {
    await #expect(processExitsWith: .success) {
      #expect(EngineClassesTests.findings("programs", 6) == [])
    }
  }

  @Test("exclusive accesses stay with their greenlets")
  func exclusivity() async {
    await #expect(processExitsWith: .success) {
      #expect(EngineClassesTests.findings("exclusivity", 4) == [])
    }
  }
}
