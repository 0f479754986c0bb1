// What an executor's answers to one question must be: its own word is not enough.

import Reports
import StressKit
import WorkerService

/// Holds the answers of a prepared workload against one another, and against what is known of it.
struct AnswerCheck {
  let executor: String
  let wanted: PrepareRequest
  let prepared: PreparedReply

  /// An oracle would take long for more.
  private static let unitsMost = 1 << 20

  private var name: String { "\(wanted.workload) on \(wanted.backend)" }

  /// Looks at what it was prepared to.
  func checkPrepared() throws(Finding) {
    guard prepared.operationsPerUnit >= 1 else {
      throw Finding("\(name): \(prepared.operationsPerUnit) operations are in a unit")
    }
    guard prepared.residentBytesBefore >= 0, prepared.residentBytesAfter >= 0 else {
      throw Finding(
        "\(name): \(prepared.residentBytesBefore) bytes were resident before it was prepared, and "
          + "\(prepared.residentBytesAfter) after")
    }
  }

  /// Looks at batches.
  ///
  /// - Returns: How many units they have in all.
  func units(of batches: [Batch]) throws(Finding) -> Int {
    var units = 0
    for batch in batches {
      guard batch.operations.isMultiple(of: prepared.operationsPerUnit) else {
        throw Finding("\(name): a batch's operations are no multiple of a unit's")
      }
      let (sum, isTooMuch) = units.addingReportingOverflow(
        batch.operations / prepared.operationsPerUnit)
      guard !isTooMuch else { throw Finding("\(name): more operations than can be counted") }
      units = sum
    }
    return units
  }

  /// Looks at a checksum.
  ///
  /// - Parameters:
  ///   - verified: What the executor says.
  ///   - measured: How many units were measured; others may have been run beside them, but none before
  ///     the first.
  /// - Throws: What is wrong with it.
  func check(_ verified: VerifiedReply, measured: Int) throws(Finding) {
    guard verified.matches else {
      throw Finding("\(name): checksum \(verified.checksum) is not the oracle's")
    }
    let isOurs = executor == KnownWorkloads.executor
    if let units = verified.units {
      guard units >= measured, measured > 0 || units == 0 else {
        throw Finding("\(name): a checksum after \(units) units, and \(measured) were measured")
      }
    }
    // Before the first batch nobody has done any.
    guard let units = verified.units ?? (measured == 0 ? 0 : nil), units <= Self.unitsMost,
      let right = KnownWorkloads.verified(
        wanted.workload, parameters: prepared.parameters, seed: wanted.seed, units: units),
      isOurs || right.of == verified.of
    else { return }
    guard verified.checksum == right.checksum else {
      throw Finding(
        "\(name): checksum \(verified.checksum) after \(units) units, and \(right.checksum) is right"
      )
    }
  }

  /// Looks at two checksums of the same question.
  func check(_ verified: VerifiedReply, isAs other: VerifiedReply) throws(Finding) {
    guard verified.checksum == other.checksum else {
      throw Finding(
        "\(name): checksums \(other.checksum) and \(verified.checksum) for the same question")
    }
  }

  /// Looks at the memory of a process that answers: it has some, or says 0 where nobody can tell.
  func check(_ memory: MemoryReply) throws(Finding) {
    guard memory.residentBytes >= 0, memory.mappings >= (memory.residentBytes > 0 ? 1 : 0) else {
      throw Finding(
        "\(name): \(memory.residentBytes) bytes are resident, in \(memory.mappings) mappings")
    }
    guard memory.proportionalBytes >= 0, memory.pageTableBytes >= 0 else {
      throw Finding(
        "\(name): a share of \(memory.proportionalBytes) bytes, and \(memory.pageTableBytes) bytes of "
          + "page tables")
    }
  }

  /// Looks at what is left.
  func check(_ left: FinishedReply) throws(Finding) {
    guard left.leakedGreenlets == 0, left.leakedStacks == 0, (left.leakedBytes ?? 0) == 0 else {
      throw Finding(
        "\(name): leaked \(left.leakedGreenlets) greenlets, \(left.leakedStacks) stacks, "
          + "\(left.leakedBytes ?? 0) bytes")
    }
  }
}
