// Ctrl-C, SIGTERM and their like, for commands that have something to end first.

import Dispatch
import Glibc
import Synchronization

/// Whether somebody asked a run to stop.
final class StopFlag: Sendable {
  private let asked = Atomic(false)

  var isUp: Bool { asked.load(ordering: .relaxed) }

  func raise() { asked.store(true, ordering: .relaxed) }
}

/// Calls back at Ctrl-C and SIGTERM, as long as it lives.
final class StopSignals {
  private let sources: [any DispatchSourceSignal]

  /// Ctrl-C and SIGTERM.
  static var usual: [Int32] { [SIGINT, SIGTERM] }

  /// Returns when they are listened to: one that was ignored until then would be lost.
  ///
  /// - Parameters:
  ///   - numbers: The signals.
  ///   - act: Told how many signals have come, the present one included.
  init(_ numbers: [Int32] = usual, _ act: @escaping @Sendable (_ count: Int) -> Void) {
    let (count, listened) = (Count(), DispatchSemaphore(value: 0))
    // Of its own: the common ones have as many threads as there are cores, which may all be busy.
    let queue = DispatchQueue(label: "greenbench.signals")
    sources = numbers.map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { act(count.next()) }
      source.setRegistrationHandler { listened.signal() }
      source.resume()
      listened.wait()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
  }

  private final class Count: Sendable {
    private let value = Atomic(0)
    func next() -> Int { value.add(1, ordering: .relaxed).newValue }
  }
}
