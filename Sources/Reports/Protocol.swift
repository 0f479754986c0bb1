// The executor protocol: the lines that a runner and a worker exchange.

/// Limits and version of the protocol.
///
/// An executor is any program that keeps to this, in any language:
///
/// - It is started with one argument, `worker`, in the runner's folder and with its environment.
/// - Requests (``ExecutorRequest``) come on its standard input and replies (``ExecutorReply``) go to its
///   standard output, one JSON object a line, UTF-8. The next request may wait for the reply, so a reply
///   is flushed. Each request has one reply with its `id`, in the same order. Nothing else is written
///   there: any other line, or one over ``lineBytesMax``, is nonsense, and the executor is killed for it.
/// - Keys that are nil are left out. Keys that one does not know are passed over.
/// - Its standard error is free text: it is passed on to people, and what came last is kept with a failure.
/// - A request that cannot be done has a reply with `error` in place of its part, and nothing has changed.
/// - A line that is no request (no JSON, no such `op`, a wrong type) has a reply with `id` 0 and an error of
///   the code `malformed`; a `prepare` that lacks its part has that error with its own `id`. What
///   lacks a handle names none that is prepared. The executor goes on in all cases.
/// - `hello` comes first and may come again, with the runner's `version`; another one than the executor's
///   is refused with the code `version`.
/// - Several workloads may be prepared at once. A handle is good until its `finish`; `verify` may be asked at
///   any time, before the first batch too, and changes nothing. No unit that a checksum knows of is done
///   before the first `measure`. Who cannot count bytes of memory says 0.
/// - `bye` has a reply with nothing but its `id`, and then the executor ends. The end of its standard input
///   means the same without a reply, and the runner may say goodbye by that alone. Who is still there two
///   seconds later, or silent for longer than the runner waits, is killed with SIGKILL. So is one that
///   nobody needs any more: nothing may depend on an orderly end.
public enum ExecutorProtocol {
  /// Grows with every change that an older peer would misread.
  public static let version = 1
  public static let lineBytesMax = 16 << 20
}

/// One question to an executor.
///
/// Only the keys that `op` needs are there.
public struct ExecutorRequest: Codable, Hashable, Sendable {
  public var id: Int
  public var op: Operation
  public var version: Int?
  public var prepare: PrepareRequest?
  public var handle: Int?

  /// For `measure`: how many batches, and how long each should take.
  public var batches: Int?
  public var batchNanoseconds: Int?

  public init(id: Int, op: Operation) {
    self.id = id
    self.op = op
  }

  public enum Operation: String, Codable, Sendable {
    case hello, prepare, measure, verify, memory, finish, bye
  }
}

/// What to prepare.
public struct PrepareRequest: Codable, Hashable, Sendable {
  public var workload: String
  public var parameters: [String: Int]
  public var backend: String

  /// Source and usable size, as in `mapped:64KiB`; a size alone takes the worker's default source.
  public var stack: String
  public var seed: UInt64

  public init(
    workload: String, parameters: [String: Int], backend: String, stack: String, seed: UInt64
  ) {
    self.workload = workload
    self.parameters = parameters
    self.backend = backend
    self.stack = stack
    self.seed = seed
  }
}

/// One answer: `ok` with the part that the operation asks for, or `error`.
public struct ExecutorReply: Codable, Hashable, Sendable {
  public var id: Int
  public var error: ExecutorFault?
  public var hello: HelloReply?
  public var prepared: PreparedReply?
  public var batches: [Batch]?
  public var verified: VerifiedReply?
  public var memory: MemoryReply?
  public var finished: FinishedReply?

  public init(id: Int) { self.id = id }
}

/// Why an executor refused.
public struct ExecutorFault: Error, Codable, Hashable, Sendable {
  public enum Code: String, Codable, Sendable {
    case unknownWorkload, unknownBackend, unknownParameter, outOfRange, badStack, noSuchHandle
    case version, malformed, failed
  }
  public var code: Code
  public var message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

/// Who an executor is, and what it can run.
public struct HelloReply: Codable, Hashable, Sendable {
  public var version: Int
  public var name: String
  public var runtime: String
  public var backends: [BackendDescription]
  public var workloads: [WorkloadDescription]
  public var stackSources: [String]

  /// The workloads that lists show.
  public var listedWorkloads: [WorkloadDescription] { workloads.filter { $0.isHidden != true } }

  /// Usable bytes of the smallest and of the largest stack; nil when the executor has no limits.
  public var stackBytesLeast: Int?
  public var stackBytesMost: Int?

  /// Whether batches are timed on the machine's monotonic clock.
  public var monotonicClock: Bool

  public init(
    version: Int, name: String, runtime: String, backends: [BackendDescription],
    workloads: [WorkloadDescription], stackSources: [String], stackBytesLeast: Int? = nil,
    stackBytesMost: Int? = nil, monotonicClock: Bool
  ) {
    self.version = version
    self.name = name
    self.runtime = runtime
    self.backends = backends
    self.workloads = workloads
    self.stackSources = stackSources
    self.stackBytesLeast = stackBytesLeast
    self.stackBytesMost = stackBytesMost
    self.monotonicClock = monotonicClock
  }
}

/// A backend, for people and for the runner.
public struct BackendDescription: Codable, Hashable, Sendable {
  public var name: String
  public var summary: String
  public var switchesInKernel: Bool

  /// The most coroutines that may be alive at once; nil where only memory sets a limit.
  public var coroutinesMost: Int?

  public init(
    name: String, summary: String, switchesInKernel: Bool, coroutinesMost: Int? = nil
  ) {
    self.name = name
    self.summary = summary
    self.switchesInKernel = switchesInKernel
    self.coroutinesMost = coroutinesMost
  }
}

/// A workload, for people and for the runner.
public struct WorkloadDescription: Codable, Hashable, Sendable {
  public var name: String
  public var summary: String

  /// What one operation is, as in "one-way switch".
  public var operation: String
  public var parameters: [ParameterDescription]

  /// What it keeps alive while it is measured; nil when that is no matter.
  public var population: Population?

  /// The backends of a run that names none; nil for all.
  public var standardBackends: [String]?

  /// Whether lists leave it out: true for self-tests, nil for all others.
  public var isHidden: Bool?

  public init(
    name: String, summary: String, operation: String, parameters: [ParameterDescription],
    population: Population? = nil, isHidden: Bool? = nil
  ) {
    self.name = name
    self.summary = summary
    self.operation = operation
    self.parameters = parameters
    self.population = population
    self.isHidden = isHidden
  }

  /// What a parameter is, given or not; nil when there is none of this name.
  public func value(of name: String, among given: [String: Int]) -> Int? {
    given[name] ?? parameters.first { $0.name == name }?.standard
  }

  /// How many coroutines are suspended side by side; nil when that is no matter.
  public func liveCount(_ given: [String: Int]) -> Int? {
    guard let population else { return nil }
    guard let name = population.count else { return 1 }
    return value(of: name, among: given)
  }

  /// About how many bytes all of them take, pages of stacks and state together.
  public func liveBytes(_ given: [String: Int]) -> Int? {
    guard let population, let count = liveCount(given) else { return nil }
    let touched = population.touched.flatMap { value(of: $0, among: given) } ?? 0
    // A page that is touched is there as a whole; one is in the figure already.
    return count * (population.bytesEach + touched / 4096 * 4096)
  }
}

/// The coroutines that a workload keeps alive side by side.
public struct Population: Codable, Hashable, Sendable {
  /// The parameter that says how many; nil for a single one.
  public var count: String?

  /// About what each takes, a page of stack included.
  public var bytesEach: Int

  /// The parameter that says how many bytes of its stack each touches, if there is one.
  public var touched: String?

  public init(count: String? = nil, bytesEach: Int = 4608, touched: String? = nil) {
    self.count = count
    self.bytesEach = bytesEach
    self.touched = touched
  }
}

/// One parameter of a workload: a whole number within a range.
public struct ParameterDescription: Codable, Hashable, Sendable {
  public var name: String
  public var summary: String
  public var standard: Int
  public var least: Int
  public var most: Int

  /// The values that a run without a value goes through; nil for the standard alone.
  public var sweep: [Int]?

  public init(
    name: String, summary: String, standard: Int, least: Int, most: Int, sweep: [Int]? = nil
  ) {
    self.name = name
    self.summary = summary
    self.standard = standard
    self.least = least
    self.most = most
    self.sweep = sweep
  }
}

/// A prepared workload.
public struct PreparedReply: Codable, Hashable, Sendable {
  public var handle: Int

  /// The stack strategy in full, as in `mapped:64KiB`.
  public var stack: String
  public var parameters: [String: Int]
  public var operationsPerUnit: Int
  public var residentBytesBefore: Int
  public var residentBytesAfter: Int

  /// How long it took, and the page faults meanwhile; nil where nobody counted.
  public var nanoseconds: Int?
  public var minorFaults: Int?
  public var majorFaults: Int?

  public init(
    handle: Int, stack: String, parameters: [String: Int], operationsPerUnit: Int,
    residentBytesBefore: Int, residentBytesAfter: Int
  ) {
    self.handle = handle
    self.stack = stack
    self.parameters = parameters
    self.operationsPerUnit = operationsPerUnit
    self.residentBytesBefore = residentBytesBefore
    self.residentBytesAfter = residentBytesAfter
  }
}

/// A checksum, and whether it is the one that the oracle computed without coroutines.
///
/// The same workload with the same parameters and seed has the same checksum after as many units. The
/// checksum of a workload that greenbench has, `of` what it is there, is the one that it has there.
public struct VerifiedReply: Codable, Hashable, Sendable {
  public var checksum: String
  public var of: String
  public var matches: Bool

  /// After how many units of work, those that were not measured included; nil where nobody counted.
  ///
  /// With it somebody else can tell what the checksum must be.
  public var units: Int?

  public init(checksum: String, of: String, matches: Bool) {
    self.checksum = checksum
    self.of = of
    self.matches = matches
  }
}

/// Memory of the worker, and of one suspended greenlet.
public struct MemoryReply: Codable, Hashable, Sendable {
  public var residentBytes: Int
  public var proportionalBytes: Int
  public var mappings: Int
  public var pageTableBytes: Int
  public var bytesPerGreenlet: Double?

  /// The rest as in ``MemoryFigures``.
  public var liveGreenlets: Int?
  public var highWaterBytes: Int?
  public var highWaterMedianBytes: Int?
  public var pool: PoolCounters?

  public init(
    residentBytes: Int, proportionalBytes: Int, mappings: Int, pageTableBytes: Int,
    bytesPerGreenlet: Double?
  ) {
    self.residentBytes = residentBytes
    self.proportionalBytes = proportionalBytes
    self.mappings = mappings
    self.pageTableBytes = pageTableBytes
    self.bytesPerGreenlet = bytesPerGreenlet
  }
}

/// What a finished workload left behind: all zero, or the row is void.
///
/// Sent when all of its coroutines have ended.
public struct FinishedReply: Codable, Hashable, Sendable {
  public var leakedGreenlets: Int
  public var leakedStacks: Int

  /// Of what the coroutines held beside their stacks; nil where nobody counted.
  public var leakedBytes: Int?

  /// How long it took to end them all; nil where nobody counted.
  public var nanoseconds: Int?

  public init(
    leakedGreenlets: Int, leakedStacks: Int, leakedBytes: Int? = nil, nanoseconds: Int? = nil
  ) {
    self.leakedGreenlets = leakedGreenlets
    self.leakedStacks = leakedStacks
    self.leakedBytes = leakedBytes
    self.nanoseconds = nanoseconds
  }
}
