// One row while it is being measured.

import Executor
import Reports

/// A row, or the control, between its preparation and its end.
struct Participant {
  let request: PrepareRequest
  let switchesInKernel: Bool
  let isControl: Bool

  /// What the worker calls it; changes when a new worker takes over.
  var handle: Int?
  var row: Row
  var blocks: [MeasuredBlock] = []
  var state = State.running

  /// The newest preparation: what it took is part of the row's memory.
  private var preparation: PreparedReply?

  enum State {
    case running, closed, failed
  }

  init(_ request: PrepareRequest, switchesInKernel: Bool, isControl: Bool) {
    self.request = request
    self.switchesInKernel = switchesInKernel
    self.isControl = isControl
    row = Row(
      workload: request.workload, backend: request.backend, stack: request.stack,
      parameters: request.parameters)
  }

  /// How failures name it.
  var name: String { isControl ? "the control" : request.backend }

  mutating func prepared(_ reply: PreparedReply) {
    handle = reply.handle
    preparation = reply
    row.stack = reply.stack
    row.parameters = reply.parameters
  }

  mutating func failed(_ error: ExecutorError, while doing: String) {
    state = .failed
    row.status =
      switch error {
      case .crashed, .overflowed: .crashed
      case .hung: .hung
      case .garbled: .garbled
      case .refused, .couldNotStart, .stopped: .failed
      }
    row.failure = Self.sentence(
      "\(error.fact) while \(doing) \(name)" + (error.lastWords.map { ": \($0)" } ?? ""))
    row.backtrace = error.backtrace
  }

  /// One line of at most 400 characters: what a process says last may be anything.
  private static func sentence(_ text: String) -> String {
    let line = String(text.map { $0.isNewline ? " " : $0 })
    return line.count <= 400 ? line : line.prefix(397) + "..."
  }

  mutating func close(_ verified: VerifiedReply, _ memory: MemoryReply, _ left: FinishedReply) {
    state = .closed
    row.checksum = verified.checksum
    row.bytesPerGreenlet = memory.bytesPerGreenlet
    row.memory = figures(memory, left)
    if !verified.matches {
      row.failure = "checksum \(verified.checksum) of \(verified.of) is not the oracle's"
    } else if left.leakedGreenlets != 0 || left.leakedStacks != 0 {
      row.failure = "leaked \(left.leakedGreenlets) greenlets and \(left.leakedStacks) stacks"
    } else if let bytes = left.leakedBytes, bytes != 0 {
      row.failure = "leaked \(bytes) bytes that its coroutines held"
    }
    row.verified = row.failure == nil
    row.status = row.verified ? .ok : .unverified
  }

  private func figures(_ memory: MemoryReply, _ left: FinishedReply) -> MemoryFigures {
    var figures = MemoryFigures(
      residentBytes: memory.residentBytes, proportionalBytes: memory.proportionalBytes,
      mappings: memory.mappings, pageTableBytes: memory.pageTableBytes)
    let batches = measurement.batches
    figures.minorFaults = preparation?.minorFaults.map { faults in
      batches.reduce(faults) { $0 + $1.minorFaults }
    }
    figures.majorFaults = preparation?.majorFaults.map { faults in
      batches.reduce(faults) { $0 + $1.majorFaults }
    }
    figures.liveGreenlets = memory.liveGreenlets
    figures.highWaterBytes = memory.highWaterBytes
    figures.highWaterMedianBytes = memory.highWaterMedianBytes
    figures.createNanoseconds = preparation?.nanoseconds
    figures.destroyNanoseconds = left.nanoseconds
    figures.pool = memory.pool
    return figures
  }

  mutating func interrupt() {
    guard state == .running else { return }
    row.status = .interrupted
    row.failure = "stopped before it was verified"
  }

  var measurement: RowMeasurement {
    RowMeasurement(blocks: blocks, switchesInKernel: switchesInKernel)
  }
}
