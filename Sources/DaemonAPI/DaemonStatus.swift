// The daemon in a few figures.

/// What `greenbench daemon status` shows.
public struct DaemonStatus: Codable, Hashable, Sendable {
  public var pid: Int32
  public var state: State
  public var queue: Queue
  public var workers: [WorkerStatus]
  public var uptimeSeconds: Double
  public var version: String

  /// The commit that the program was built from.
  public var commit: String

  /// The file of the result store.
  public var store: String

  /// The newest event's number.
  public var lastEvent: Int
  public var memory: OwnMemory

  public init(
    pid: Int32, state: State, queue: Queue, workers: [WorkerStatus], uptimeSeconds: Double,
    version: String, commit: String, store: String, lastEvent: Int, memory: OwnMemory
  ) {
    self.pid = pid
    self.state = state
    self.queue = queue
    self.workers = workers
    self.uptimeSeconds = uptimeSeconds
    self.version = version
    self.commit = commit
    self.store = store
    self.lastEvent = lastEvent
    self.memory = memory
  }

  enum CodingKeys: String, CodingKey {
    case pid, state, queue, workers, version, commit, store, memory
    case uptimeSeconds = "uptime_s"
    case lastEvent = "last_event"
  }

  public enum State: String, Codable, Sendable {
    /// Ready, and nothing runs.
    case idle
    case running

    /// Somebody paused the queue, or these are quiet hours.
    case paused

    /// It was asked to stop: no new jobs.
    case draining

    /// The store takes nothing: results would be lost, so nothing runs.
    case degraded
  }

  public struct Queue: Codable, Hashable, Sendable {
    public var queued: Int
    public var paused: Int

    /// The id of the job that runs.
    public var running: Int?

    /// The most jobs that may wait.
    public var limit: Int

    /// Why the next job does not start; nil when nothing holds it.
    public var holding: String?

    public init(queued: Int, paused: Int, running: Int?, limit: Int, holding: String? = nil) {
      self.queued = queued
      self.paused = paused
      self.running = running
      self.limit = limit
      self.holding = holding
    }
  }

  /// One worker process.
  public struct WorkerStatus: Codable, Hashable, Sendable {
    /// nil while it is being started, or is waited for after a crash.
    public var pid: Int32?
    public var state: State

    /// How many times one was started anew after it had died.
    public var restarts: Int

    /// Groups of rows that it has measured.
    public var groups: Int

    public init(pid: Int32?, state: State, restarts: Int, groups: Int) {
      self.pid = pid
      self.state = state
      self.restarts = restarts
      self.groups = groups
    }

    public enum State: String, Codable, Sendable {
      case starting, idle, measuring
      case backingOff = "backing-off"
    }
  }

  /// What the process that answers takes itself; no workload runs in it.
  public struct OwnMemory: Codable, Hashable, Sendable {
    public var residentBytes: Int
    public var descriptors: Int

    /// By the allocator; nil where it is not jemalloc.
    public var allocatedBytes: Int?

    public init(residentBytes: Int, descriptors: Int, allocatedBytes: Int? = nil) {
      self.residentBytes = residentBytes
      self.descriptors = descriptors
      self.allocatedBytes = allocatedBytes
    }

    enum CodingKeys: String, CodingKey {
      case descriptors
      case residentBytes = "resident_bytes"
      case allocatedBytes = "allocated_bytes"
    }
  }
}
