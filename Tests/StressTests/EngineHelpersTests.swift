// What the engine's classes rest on: marked calls find damage, and children are heard out.

import CRegisters
import Foundation
import StressKit
import Testing

@testable import EngineStress

struct EngineHelpersTests {
  /// Makes a marked call of something that does `act`; whether the call objected.
  private func objects(owns: Bool, _ act: @convention(c) (UnsafeMutableRawPointer?) -> Void) -> Bool
  {
    var marked = gb_marked()
    unsafe gb_marked_begin(&marked, 1)
    unsafe gb_marked_call(&marked, act, nil, owns)
    unsafe gb_marked_end(&marked)
    #expect(marked.crossings == 1)
    return marked.mismatches > 0
  }

  @Test func aMarkedCallThatChangesNothingIsFine() {
    let whenOwned = unsafe objects(owns: true) { _ in }
    let whenNot = unsafe objects(owns: false) { _ in }
    #expect(!whenOwned && !whenNot)
  }

  @Test func aMarkedCallFindsOtherControlWords() {
    let isFound = unsafe objects(owns: true) { _ in
      fesetround(fegetround() == FE_UPWARD ? FE_DOWNWARD : FE_UPWARD)
    }
    #expect(isFound)
  }

  @Test func theWalkFindsEveryDamagedWord() {
    let found = unsafe gb_walk_self_check(1) { _ in }
    #expect(found.failed == 0)
    #expect(found.passed > 200)
  }

  // In processes of their own: a fork of this one would have locks that nobody gives back.

  @Test func whatAChildFindsIsTheTrials() async {
    await #expect(processExitsWith: .exitCode(7)) {
      let trial = try Self.trial()
      trial.count(3)
      do {
        try ForkedChild.finish(trial) { trial in
          trial.count(4)
          throw Finding("on purpose")
        }
      } catch let finding as Finding where finding.what == "on purpose" {
        exit(Int32(trial.checks))
      }
    }
  }

  @Test func whatAChildCannotTryIsSkipped() async {
    await #expect(processExitsWith: .exitCode(7)) {
      do {
        try ForkedChild.finish(Self.trial()) { _ in throw Skip("not here") }
      } catch let skip as Skip where skip.reason == "not here" {
        exit(7)
      }
    }
  }

  @Test func aChildThatDiesIsAFinding() async {
    await #expect(processExitsWith: .exitCode(7)) {
      do {
        try ForkedChild.finish(Self.trial()) { _ in abort() }
      } catch let finding as Finding {
        exit(finding.what.contains("ended with \(256 + SIGABRT)") ? 7 : 1)
      }
    }
  }

  private static func trial() throws -> Trial {
    let scratch = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    return Trial(
      TrialToken(className: "test", seed: 1, index: 0), profile: .pr, scratch: scratch,
      program: CommandLine.arguments[0])
  }
}
