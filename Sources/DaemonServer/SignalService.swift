// The signals that ask for something, the watchdog, and the order in which the daemon stops.

import CSockets
import DaemonAPI
import Logging
import ServiceLifecycle
import Synchronization
import Threads
import UnixSignals

/// The signals of a daemon, trapped from the moment that this is made.
///
/// Made before anybody can reach the daemon: who has seen it answer may send a signal, and one that is
/// not trapped yet would end the process.
struct TrappedSignals {
  /// SIGHUP and SIGUSR1.
  let asking: UnixSignalsSequence

  /// Those that end the daemon.
  let stopping: UnixSignalsSequence

  init(stopping signals: [UnixSignal]) async {
    asking = await UnixSignalsSequence(trapping: .sighup, .sigusr1)
    stopping = await UnixSignalsSequence(trapping: signals)
  }
}

/// Ends with the first signal that ends the daemon; its end is what the group stops at.
struct StopService: Service {
  let signals: UnixSignalsSequence

  func run() async throws {
    for await _ in signals.cancelOnGracefulShutdown() { return }
  }
}

/// SIGHUP and SIGUSR1.
struct SignalService: Service {
  let signals: UnixSignalsSequence
  let service: any DaemonService
  let claim: RuntimeClaim
  let hooks: Hooks
  let manager: ServiceManager
  let logger: Logger

  func run() async throws {
    for await signal in signals.cancelOnGracefulShutdown() {
      if signal == .sighup { await reload() } else { await dump() }
    }
  }

  private func reload() async {
    manager.tell(.reloading(monotonicMicroseconds: SystemCalls.monotonicMicroseconds))
    await hooks.reload()
    manager.tell(.ready)
  }

  func dump() async {
    let text = await service.dump()
    logger.notice("state", metadata: ["dump": "\(text)"])
    do {
      // A new file each time: a reader of the old one keeps that one whole.
      if try claim.folder.facts(of: RuntimePaths.dumpName) != nil {
        try claim.folder.remove(RuntimePaths.dumpName)
      }
      guard let file = try claim.folder.open(RuntimePaths.dumpName, for: GB_WRITE_NEW) else {
        return
      }
      try SystemCalls.replace(file, with: text.hasSuffix("\n") ? text : text + "\n")
    } catch {
      logger.error("the dump was not written", metadata: ["reason": "\(error)"])
    }
  }
}

/// Ends what runs before the listeners close, so that clients see how it ends.
struct DrainService: Service {
  let hooks: Hooks
  let streams: OpenStreams
  let manager: ServiceManager
  let seconds: Double
  let logger: Logger

  func run() async throws {
    try await gracefulShutdown()
    streams.drain()
    manager.tell(.stopping)
    logger.notice("draining")
    let began = ContinuousClock.now
    let isDone = await Deadline.meets(seconds) { [hooks, seconds] in await hooks.drain(seconds) }
    if !isDone {
      logger.error("what runs did not end in time", metadata: ["seconds": "\(seconds)"])
    }
    logger.notice("drained", metadata: ["lasted": "\(ContinuousClock.now - began)"])
  }
}

/// Tells a service manager that the daemon answers; there is no timer without one.
struct WatchdogService: Service {
  let service: any DaemonService
  let manager: ServiceManager
  let seconds: Double

  func run() async throws {
    let question = Question()
    // Half of it, so that one late ping is no death.
    let interval = Duration.seconds(seconds / 2)
    await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await gracefulShutdown()
        throw CancellationError()
      }
      group.addTask { [service, manager] in
        while true {
          // Only who answered in time is alive: a question that hangs holds the next one back.
          if question.begin() {
            Task {
              _ = await service.status()
              question.end()
              manager.tell(.watchdog)
            }
          }
          try await Alarm.sleep(for: interval)
        }
      }
      // Whichever ends first ends the other one.
      _ = await group.nextResult()
      group.cancelAll()
    }
  }
}

/// Whether something was asked and not answered yet.
private final class Question: Sendable {
  private let isOpen = Mutex(false)

  /// - Returns: false when it is being asked already.
  func begin() -> Bool {
    isOpen.withLock { isOpen in
      defer { isOpen = true }
      return !isOpen
    }
  }

  func end() { isOpen.withLock { $0 = false } }
}

/// Waits for something, but not for ever.
enum Deadline {
  /// - Returns: Whether it was done in time; if not, it goes on by itself.
  static func meets(
    _ seconds: Double, _ operation: @escaping @Sendable () async -> Void
  ) async -> Bool {
    let (outcomes, outcome) = AsyncStream.makeStream(of: Bool.self)
    let work = Task {
      await operation()
      outcome.yield(true)
    }
    let timer = Task {
      // Cancelled when the work is done.
      try? await Alarm.sleep(for: .seconds(seconds))
      outcome.yield(false)
    }
    defer {
      work.cancel()
      timer.cancel()
    }
    return await outcomes.first { _ in true } ?? false
  }
}
