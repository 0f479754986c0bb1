// What the class `executor` makes of answers that are right, and of each way of being wrong.

import Reports
import StressKit
import Testing
import WorkerService

@testable import DaemonStress

struct AnswerCheckTests {
  private static let parameters = ["members": 5]

  private static func check(of executor: String = KnownWorkloads.executor, operations: Int = 2)
    -> AnswerCheck
  {
    AnswerCheck(
      executor: executor,
      wanted: PrepareRequest(
        workload: "ring", parameters: parameters, backend: "native", stack: "64KiB", seed: 7),
      prepared: PreparedReply(
        handle: 1, stack: "mapped:64KiB", parameters: parameters, operationsPerUnit: operations,
        residentBytesBefore: 1, residentBytesAfter: 1))
  }

  private static func right(after units: Int) throws -> VerifiedReply {
    try #require(
      KnownWorkloads.verified("ring", parameters: parameters, seed: 7, units: units))
  }

  /// What the check says against an answer, or nil.
  private static func finding(_ look: () throws -> Void) -> String? {
    do {
      try look()
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: [0, 1, 100])
  func believesWhatIsRight(units: Int) throws {
    let verified = try Self.right(after: units)
    try Self.check().check(verified, measured: units)
    try Self.check().check(verified, isAs: verified)
    try Self.check(of: "theirs").check(verified, measured: units)
  }

  /// The oracle's own figures are worth looking at: other work has another sum.
  @Test func otherUnitsHaveOtherChecksums() throws {
    #expect(try Self.right(after: 1).checksum != Self.right(after: 2).checksum)
  }

  @Test(arguments: [KnownWorkloads.executor, "theirs"])
  func doesNotBelieveAWordAlone(executor: String) throws {
    let check = Self.check(of: executor)
    var wrong = try Self.right(after: 3)
    wrong.matches = false
    #expect(Self.finding { try check.check(wrong, measured: 3) }?.contains("oracle's") == true)
    wrong.matches = true
    wrong.checksum += "1"
    #expect(Self.finding { try check.check(wrong, measured: 3) }?.contains("is right") == true)
    #expect(
      Self.finding { try check.check(wrong, isAs: Self.right(after: 3)) }?.contains("same question")
        == true)
  }

  /// Fewer units than were measured, or some before the first batch.
  @Test(arguments: [(units: 2, measured: 3), (units: 1, measured: 0)])
  func countsTheUnits(units: Int, measured: Int) throws {
    let verified = try Self.right(after: units)
    let said = Self.finding { try Self.check().check(verified, measured: measured) }
    #expect(said?.contains("\(measured) were measured") == true)
  }

  /// Nothing was done yet, so the sum is known though the executor does not count.
  @Test func knowsTheFirstChecksumWithoutACount() throws {
    var verified = try Self.right(after: 0)
    verified.units = nil
    try Self.check(of: "theirs").check(verified, measured: 0)
    verified.checksum = "17"
    #expect(
      Self.finding { try Self.check(of: "theirs").check(verified, measured: 0) }?
        .contains("is right") == true)
  }

  /// Another executor may mean something else by a workload of that name, ours may not.
  @Test func anotherMeaningIsAnothersOwn() throws {
    var verified = try Self.right(after: 3)
    verified.of = "something else"
    verified.checksum = "17"
    try Self.check(of: "theirs").check(verified, measured: 3)
    #expect(Self.finding { try Self.check().check(verified, measured: 3) } != nil)
  }

  @Test func looksAtBatches() throws {
    let whole = [Batch(nanoseconds: 1, operations: 4), Batch(nanoseconds: 1, operations: 6)]
    #expect(try Self.check().units(of: whole) == 5)
    let broken = whole + [Batch(nanoseconds: 1, operations: 3)]
    #expect(Self.finding { _ = try Self.check().units(of: broken) } != nil)
    let endless = [Batch](repeating: Batch(nanoseconds: 1, operations: .max - 1), count: 3)
    #expect(Self.finding { _ = try Self.check().units(of: endless) } != nil)
    #expect(Self.finding { try Self.check(operations: 0).checkPrepared() } != nil)
    try Self.check().checkPrepared()
  }

  @Test func looksAtMemory() throws {
    func memory(_ resident: Int, mappings: Int, shared: Int = 0, tables: Int = 0) -> MemoryReply {
      MemoryReply(
        residentBytes: resident, proportionalBytes: shared, mappings: mappings,
        pageTableBytes: tables, bytesPerGreenlet: nil)
    }
    for honest in [memory(4096, mappings: 1), memory(0, mappings: 0)] {
      try Self.check().check(honest)
    }
    let lies = [
      memory(-1, mappings: 1), memory(4096, mappings: 0), memory(0, mappings: -1),
      memory(1, mappings: 1, shared: -1), memory(1, mappings: 1, tables: -1),
    ]
    for lie in lies { #expect(Self.finding { try Self.check().check(lie) } != nil, "\(lie)") }
  }

  @Test func looksAtWhatIsLeft() throws {
    try Self.check().check(FinishedReply(leakedGreenlets: 0, leakedStacks: 0))
    let leaks = [
      FinishedReply(leakedGreenlets: 1, leakedStacks: 0),
      FinishedReply(leakedGreenlets: 0, leakedStacks: 1),
      FinishedReply(leakedGreenlets: 0, leakedStacks: 0, leakedBytes: 1),
    ]
    for leak in leaks { #expect(Self.finding { try Self.check().check(leak) } != nil, "\(leak)") }
  }
}
