// The event log, and news of the worker.

public import DaemonAPI
import Logging
import Metrics
import ResultStore

extension JobService {
  /// Tells those who read the log of an event that is stored.
  func tell(_ event: DaemonEvent?) {
    guard let event else { return }
    lastEvent = max(lastEvent, event.seq)
    var metadata: Logger.Metadata = ["event": "\(event.seq)", "kind": "\(event.kind.rawValue)"]
    if let job = event.job { metadata["job"] = "\(job)" }
    logger.info("\(event.message)", metadata: metadata)
    events.tell(event)
  }

  /// Stores an event and tells it.
  func record(
    _ kind: DaemonEvent.Kind, _ job: Int?, _ message: String, at now: Int
  ) async throws(StoreError) {
    tell(
      try await keeper.use { store throws(StoreError) in
        try store.appendEvent(kind, job: job, message: message, at: now)
      })
  }

  /// Stores an event that nothing hangs on: when the store does not take it, the log has it.
  func note(_ kind: DaemonEvent.Kind, _ job: Int?, _ message: String) async {
    do {
      try await record(kind, job, message, at: setting.now())
    } catch {
      logger.error(
        "\(message)", metadata: ["kind": "\(kind.rawValue)", "not stored": "\(error)"])
    }
  }

  public func events(after seq: Int, limit: Int) async throws(Refusal) -> EventPage {
    do {
      return try await keeper.use { store throws(StoreError) in
        try store.events(after: seq, limit: limit)
      }
    } catch {
      throw Refusal(error)
    }
  }

  public func eventStream(after seq: Int) async throws(Refusal) -> AsyncStream<DaemonEvent> {
    let logger = logger
    let cursor = EventCursor(after: seq, live: events.add()) { [keeper] seq in
      do {
        return try await keeper.use { store throws(StoreError) in
          try store.events(after: seq, limit: DaemonProtocol.pageMax).events
        }
      } catch {
        logger.error("events could not be read", metadata: ["error": "\(error)"])
        return []
      }
    }
    return AsyncStream { await cursor.next() }
  }

  func workerNews(_ news: WorkerSupervisor.News) async {
    switch news {
    case .started(let pid):
      await note(.workerStarted, nil, "worker \(pid) is ready")
    case .ended(let pid, let why):
      await note(.workerEnded, running?.id, "worker \(pid.map(String.init) ?? "-") ended: \(why)")
    case .died(let pid, let how):
      Counter(label: "greenbench_worker_deaths").increment()
      await note(.workerDied, running?.id, "worker \(pid.map(String.init) ?? "-"): \(how)")
    }
  }
}
