// What happens to a job, and what happens at all, as it happens.

public import DaemonAPI

extension DaemonClient {
  /// Tells what happens to a job, from its present state to its end.
  ///
  /// A lost connection is taken up again; the first update after it is the state of that moment,
  /// and progress in between is missed. Ends after a final state.
  ///
  /// - Parameters:
  ///   - id: The job.
  ///   - cancelsOnClose: Whether the daemon cancels the job when this process ends, however it does,
  ///     or the updates are no longer read. A daemon that stops itself does not.
  /// - Returns: The updates; throws `DaemonClientError`, a refusal in place of the first one too.
  public func updates(
    job id: Int, cancelsOnClose: Bool = false
  ) -> AsyncThrowingStream<JobUpdate, any Error> {
    let core = core
    let query = cancelsOnClose ? "?cancel_on_close=true" : ""
    let feed = EventFeed(
      core, mayEndEarly: false,
      path: { _ in "\(DaemonProtocol.root)/jobs/\(id)/updates\(query)" },
      isLast: { event in
        // What is no job is refused where it is taken apart.
        event.name == "state"
          && (try? core.decode(Job.self, from: event.data.utf8))?.state.isFinal == true
      })
    return AsyncThrowingStream {
      while let event = try await feed.next() {
        if let update = try Self.update(event, core) { return update }
      }
      return nil
    }
  }

  /// The stored events after one, and then those that come.
  ///
  /// Ends when the daemon stops.
  ///
  /// - Parameter seq: The event before the first one to tell; 0 for all that are kept.
  /// - Returns: The events without gaps, also after a lost connection; throws `DaemonClientError`.
  public func eventStream(after seq: Int) -> AsyncThrowingStream<DaemonEvent, any Error> {
    let core = core
    let feed = EventFeed(
      core, mayEndEarly: true,
      path: { last in "\(DaemonProtocol.root)/events/stream?after=\(last ?? String(seq))" })
    return AsyncThrowingStream {
      try await feed.next().map { try core.decode(DaemonEvent.self, from: $0.data.utf8) }
    }
  }

  /// nil for a name of a later version.
  private static func update(
    _ event: ServerSentEvent, _ core: ClientCore
  ) throws(DaemonClientError) -> JobUpdate? {
    switch event.name {
    case "state": .state(try core.decode(Job.self, from: event.data.utf8))
    case "progress": .progress(try core.decode(JobProgress.self, from: event.data.utf8))
    case "block": .block(try core.decode(BlockUpdate.self, from: event.data.utf8))
    default: nil
    }
  }
}
