// A process that makes trials, from our side: its lines in order, each waited for with a deadline.

import Dispatch
import Executor
import Foundation
import StressKit
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A process that makes trials of one class.
final class TrialProcess: Sendable {
  /// What it did next.
  enum News {
    case line(TrialLine)

    /// It has ended; with what it said last on standard error.
    ///
    /// Perhaps in an earlier trial: nobody knows in which order two pipes were written.
    case ended(how: String, isGood: Bool, said: [String])

    /// Nothing came in time; it is killed then.
    case silent(said: [String])

    /// Nobody wanted to wait any longer; it is killed then.
    case givenUp
  }

  private struct State {
    var process: SpawnedProcess?
    var news: [News] = []
    var said: [String] = []

    /// It wrote without end, and is killed for it.
    var isEndless = false
  }

  /// How many lines of its standard error are kept.
  private static let saidMax = 400

  private struct Live {
    var processes: [Int32: SpawnedProcess] = [:]

    /// From then on what is started is killed at once, and nobody hears of what ends.
    var isAbandoned = false
  }

  /// Those that run now.
  private static let live = Mutex(Live())

  private let state = Mutex(State())
  private let arrived = DispatchSemaphore(value: 0)

  /// Starts one; that it could not be started shows as its end.
  init(_ program: String, arguments: [String]) {
    _ = ChildProcess(program, arguments: arguments, lineBytesMax: 64 << 20) { [self] piece in
      take(piece)
    }
  }

  /// Waits for the next thing that it does.
  ///
  /// - Parameters:
  ///   - seconds: How long at most.
  ///   - givesUp: Asked every second.
  /// - Returns: What it did, or that it did nothing.
  func next(within seconds: Int, unless givesUp: () -> Bool) -> News {
    var left = seconds
    while arrived.wait(timeout: .now() + .seconds(min(left, 1))) == .timedOut {
      left -= 1
      guard left <= 0 || givesUp() else { continue }
      end()
      return left <= 0 ? .silent(said: state.withLock { $0.said }) : .givenUp
    }
    return state.withLock { $0.news.removeFirst() }
  }

  /// Kills it, and waits until it is gone.
  func end() {
    state.withLock { $0.process }?.end()
    while true {
      arrived.wait()
      let news = state.withLock { $0.news.removeFirst() }
      if case .ended = news { return }
    }
  }

  /// Kills all there are, and waits a while for their ends; whoever waits for one waits for ever.
  static func killAll() {
    for _ in 0..<200 {
      let isOver = live.withLock { live in
        live.isAbandoned = true
        for process in live.processes.values { process.end() }
        return live.processes.isEmpty
      }
      if isOver { return }
      usleep(10_000)
    }
  }

  private func take(_ piece: ChildProcess.Piece) {
    state.withLock { state in
      switch piece {
      case .started(let process):
        state.process = process
        let isAbandoned = Self.live.withLock { live in
          live.processes[process.pid] = process
          return live.isAbandoned
        }
        if isAbandoned { process.end() }
        return
      case .complaint(let line):
        if state.said.count == Self.saidMax { state.said.removeFirst(Self.saidMax / 2) }
        state.said.append(line)
        return
      case .line(let text):
        // What a library prints is no news.
        guard let line = TrialLine(text) else { return }
        state.news.append(.line(line))
      case .lineTooLong:
        state.isEndless = true
        state.process?.end()
        return
      case .ended(let ending):
        let isAbandoned = Self.live.withLock { live in
          // It is not reaped yet: its number is still its own.
          if let process = state.process { live.processes[process.pid] = nil }
          return live.isAbandoned
        }
        if isAbandoned { return }
        state.news.append(
          .ended(
            how: state.isEndless ? "an endless line" : "\(ending)",
            isGood: !state.isEndless && ending == .exited(0), said: state.said))
      case .couldNotStart(let reason):
        state.news.append(.ended(how: "not started: \(reason)", isGood: false, said: []))
      }
      arrived.signal()
    }
  }
}
