// Every workload on every backend of this build, specialised: the one place where they meet.

import Backends
import Reports
import Stacks
import WorkloadKit
import Workloads

/// What this worker can run.
///
/// A new backend or workload is one line here. The choice is made once per prepare; behind it
/// stands a program that was compiled for the backend.
enum Catalogue {
  static let backends: [BackendEntry] = [
    BackendEntry(NativeBackend.self), BackendEntry(UContextBackend.self),
    BackendEntry(ThreadBackend.self),
  ]

  static var workloads: [WorkloadDescription] { backends[0].programs.map(\.description) }
}

/// A backend with its programs.
struct BackendEntry: Sendable {
  let description: BackendDescription
  let programs: [Program]

  /// Suspends so many coroutines, and tells in between what that took.
  let suspend:
    @Sendable (_ count: Int, _ stacks: StackPool, _ whileSuspended: () -> Void) throws ->
      Void

  @inline(__always)
  init<Backend: SwitchBackend & ~Copyable>(_: Backend.Type) {
    description = BackendDescription(
      name: Backend.name, summary: Backend.summary, switchesInKernel: Backend.switchesInKernel)
    programs = [
      Program(PingPong<Backend>.self), Program(Spawn<Backend>.self), Program(Ring<Backend>.self),
      Program(Control<Backend>.self), Program(DummyOverflow<Backend>.self),
    ]
    suspend = { count, stacks, whileSuspended in
      let members = try (0..<count).map { _ in
        try Member<Backend>(on: stacks, body: SuspendOnce())
      }
      for member in members { _ = try member.resume(0) }
      whileSuspended()
      withExtendedLifetime(members) {}
    }
  }
}

private struct SuspendOnce: ContextBody {
  func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int {
    try suspender.suspend(word)
  }
}

/// A workload on one backend.
struct Program: Sendable {
  let description: WorkloadDescription
  let checksumMeaning: String
  let oracle: @Sendable (_ parameters: [String: Int], _ units: Int) -> UInt64
  let prepare: @Sendable (_ parameters: [String: Int], _ stacks: StackPool) throws -> RunningProgram

  @inline(__always)
  init<W: Workload>(_: W.Type) {
    description = W.description
    checksumMeaning = W.checksumMeaning
    oracle = { W.oracle(parameters: $0, units: $1) }
    prepare = { parameters, stacks in
      let box = Box(try W(parameters: parameters, stacks: stacks))
      return RunningProgram(
        operationsPerUnit: box.workload.operationsPerUnit,
        run: { try box.workload.run(units: $0) }, checksum: { box.workload.checksum })
    }
  }

  private final class Box<W> {
    var workload: W
    init(_ workload: W) { self.workload = workload }
  }
}

/// A prepared workload.
struct RunningProgram {
  let operationsPerUnit: Int
  let run: (_ units: Int) throws -> Void
  let checksum: () -> UInt64
}
