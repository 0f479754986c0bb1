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
    BackendEntry(NativeBackend.self), BackendEntry(GreenletBackend.self),
    BackendEntry(SlicedBackend.self), BackendEntry(FrozenBackend.self),
    BackendEntry(UContextBackend.self), BackendEntry(ThreadBackend.self),
  ]

  static var workloads: [WorkloadDescription] {
    backends[0].programs.map { program in
      var description = program.description
      description.standardBackends = standardBackends(of: description.name)
      return description
    }
  }

  /// The backends of a run that names none.
  ///
  /// Those of the first workloads stay what they were, so that their runs take as long as before.
  private static func standardBackends(of workload: String) -> [String] {
    switch workload {
    case "ping-pong", "spawn", "ring", "control": ["native", "ucontext", "thread"]
    case "million-idle": ["greenlet", "sliced", "frozen"]
    case "footprint", "tlb": ["native", "greenlet"]
    default: backends.map(\.description.name)
    }
  }
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
      name: Backend.name, summary: Backend.summary, switchesInKernel: Backend.switchesInKernel,
      coroutinesMost: Backend.coroutinesMost == .max ? nil : Backend.coroutinesMost)
    programs = [
      Program(PingPong<Backend>.self), Program(Spawn<Backend>.self), Program(Ring<Backend>.self),
      Program(Footprint<Backend>.self), Program(MillionIdle<Backend>.self),
      Program(DeepRecursion<Backend>.self), Program(MixedDepth<Backend>.self),
      Program(AllocChurn<Backend>.self), Program(TLB<Backend>.self),
      Program(Control<Backend>.self), Program(DummyOverflow<Backend>.self),
      Program(DummyCrash<Backend>.self),
    ]
    suspend = { count, stacks, whileSuspended in
      let row = try CoroutineRow<Backend>(count, on: stacks) { _ in SuspendOnce() }
      for number in 0..<count { _ = try row.resume(number, 0) }
      whileSuspended()
      withExtendedLifetime(row) {}
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
  let oracle: @Sendable (_ parameters: Parameters, _ units: Int) -> UInt64
  let prepare: @Sendable (_ parameters: Parameters, _ stacks: StackPool) throws -> RunningProgram

  @inline(__always)
  init<W: Workload>(_: W.Type) {
    description = W.description
    checksumMeaning = W.checksumMeaning
    oracle = { W.oracle(parameters: $0, units: $1) }
    prepare = { parameters, stacks in
      let box = Box(try W(parameters: parameters, stacks: stacks))
      let ledger = box.workload.ledger
      return RunningProgram(
        operationsPerUnit: box.workload.operationsPerUnit,
        run: { units in try box.use { workload in try workload.run(units: units) } },
        inspect: { try box.use { workload in try workload.inspect() } },
        checksum: { box.workload.checksum }, ledger: ledger)
    }
  }

  private final class Box<W> {
    var workload: W
    init(_ workload: W) { self.workload = workload }

    /// Works on a copy: an access to the property would be open in every switch, and greenlets take
    /// the long way then.
    @inline(__always) func use(_ act: (inout W) throws -> Void) rethrows {
      var workload = workload
      defer { self.workload = workload }
      try act(&workload)
    }
  }
}

/// A prepared workload.
struct RunningProgram {
  let operationsPerUnit: Int
  let run: (_ units: Int) throws -> Void
  let inspect: () throws -> Void
  let checksum: () -> UInt64

  /// Outlives the workload, to tell what it left.
  let ledger: Ledger?
}
