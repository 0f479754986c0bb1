// Whether answers come later than before: two daemons are asked in turn, of which one is left alone.

import Dispatch
import Foundation
import StressKit
import Synchronization

/// Asks one daemon that something happens to, and one that nothing happens to, in turn.
///
/// What the machine does to one it does to the other a moment later: their ratio stays, however slow
/// both become.
final class LatencyPair: Sendable {
  /// The median of the ratios of all blocks, and its standard error.
  struct Ratio {
    let median: Double
    let error: Double

    init(_ ratios: [Double]) {
      median = Drift.median(ratios)
      let middle = median
      let spread = 1.4826 * Drift.median(ratios.map { abs($0 - middle) })
      error = 1.2533 * spread / Double(max(1, ratios.count)).squareRoot()
    }
  }

  /// Questions to each of the two for one ratio.
  private static let perBlock = 20

  private let watched: String
  private let control: String
  private let isOver = Atomic(false)
  private let done = DispatchSemaphore(value: 0)
  private let outcome = Mutex<Result<[Double], any Error>>(.success([]))

  private init(_ watched: String, _ control: String) {
    self.watched = watched
    self.control = control
  }

  /// Begins to ask, on a thread of its own, until the end.
  ///
  /// - Parameters:
  ///   - watched: The socket of the one that something happens to.
  ///   - control: The socket of the other one.
  /// - Returns: What is to be ended.
  static func begin(_ watched: String, _ control: String) -> LatencyPair {
    let pair = LatencyPair(watched, control)
    Thread.detachNewThread {
      let result = Result { try pair.ask() }
      pair.outcome.withLock { $0 = result }
      pair.done.signal()
    }
    return pair
  }

  /// Ends it, and tells how much longer the watched one took than the other.
  ///
  /// - Throws: That one of them did not answer.
  func end() throws -> Ratio {
    isOver.store(true, ordering: .relaxed)
    done.wait()
    done.signal()
    return Ratio(try outcome.withLock { try $0.get() })
  }

  /// Asks for some time.
  static func ask(_ watched: String, _ control: String, seconds: Double) throws -> Ratio {
    let pair = begin(watched, control)
    usleep(UInt32(seconds * 1e6))
    return try pair.end()
  }

  private func ask() throws -> [Double] {
    let (watched, control) = (try Wire(watched), try Wire(control))
    var ratios: [Double] = []
    while !isOver.load(ordering: .relaxed) || ratios.isEmpty {
      var (ours, theirs): ([Double], [Double]) = ([], [])
      for number in 0..<Self.perBlock {
        // Who comes second finds the machine warmer.
        if number.isMultiple(of: 2) { ours.append(try seconds(watched)) }
        theirs.append(try seconds(control))
        if !number.isMultiple(of: 2) { ours.append(try seconds(watched)) }
        usleep(1000)
      }
      ratios.append(Drift.median(ours) / Drift.median(theirs))
    }
    return ratios
  }

  private func seconds(_ wire: Wire) throws -> Double {
    let begin = ContinuousClock.now
    // Not the daemon's status, which counts its connections, and so takes longer with each of them.
    let status = try wire.ask("GET", "/healthz").status
    let seconds = (ContinuousClock.now - begin) / .seconds(1)
    guard status == 200 else { throw Finding("healthz is answered with \(status)") }
    return seconds
  }
}
