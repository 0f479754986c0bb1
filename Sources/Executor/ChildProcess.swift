// A process and its three pipes, started, read and waited for on threads that stay.

import Dispatch
import Foundation

/// A child process.
///
/// Nothing here looks at a clock while it speaks: whoever waits for a batch must not run beside it.
package struct ChildProcess: Sendable {
  /// What becomes of the process, in this order; nothing comes after the last two.
  package enum Piece: Sendable {
    case started(pid: Int32)

    /// A line of its standard output, without the end.
    case line(String)

    /// More bytes without the end of a line than are taken; what follows is not read.
    case lineTooLong

    /// A line of its standard error.
    case complaint(String)
    case ended(ExecutorError.Ending)
    case couldNotStart(reason: String)
  }

  private let input = PipeInput()

  /// Starts a process.
  ///
  /// - Parameters:
  ///   - path: The program.
  ///   - arguments: Its arguments.
  ///   - lineBytesMax: The longest line of its output that is taken.
  ///   - tell: Called from several threads, one at a time but for complaints.
  package init(
    _ path: String, arguments: [String], lineBytesMax: Int,
    tell: @escaping @Sendable (Piece) -> Void
  ) {
    let input = input
    Crew.shared.run {
      let process: SpawnedProcess
      do throws(SpawnedProcess.Failure) {
        process = try SpawnedProcess(
          path, arguments: arguments, environment: Self.environment, input: input)
      } catch {
        return tell(.couldNotStart(reason: Self.reason(error.code, path)))
      }
      tell(.started(pid: process.pid))
      let heard = DispatchSemaphore(value: 0)
      Crew.shared.run {
        _ = Self.read(process.errors, bytesMax: .max) { tell(.complaint($0)) }
        heard.signal()
      }
      if !Self.read(process.output, bytesMax: lineBytesMax, line: { tell(.line($0)) }) {
        tell(.lineTooLong)
      }
      // What a process says last is read to its end.
      heard.wait()
      let ending = process.wait()
      // Not before: a program may take the end of its input for the end of its parent.
      input.close()
      tell(.ended(ending))
    }
  }

  /// Ours, without the backtraces of Swift's runtime: another program takes seconds to make them,
  /// and a worker tells its calls itself.
  private static let environment =
    ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { ours, _ in ours
    }.map { "\($0.key)=\($0.value)" }

  /// Writes to its standard input.
  ///
  /// - Throws: That it does not read any more: its end tells why.
  package func write(_ text: String) throws { try input.write(text) }

  /// Ends its standard input.
  package func closeInput() { input.close() }

  /// Reads lines until the end, and closes; false when one of them is too long.
  private static func read(
    _ descriptor: Int32, bytesMax: Int, line: (String) -> Void
  ) -> Bool {
    var rest: [UInt8] = []
    var isGood = true
    SpawnedProcess.read(descriptor) { chunk in
      var start = chunk.startIndex
      while let end = chunk[start...].firstIndex(of: UInt8(ascii: "\n")) {
        rest += chunk[start..<end]
        isGood = rest.count <= bytesMax
        guard isGood else { return false }
        line(String(decoding: rest, as: UTF8.self))
        rest.removeAll(keepingCapacity: rest.count < 64 << 10)
        start = chunk.index(after: end)
      }
      rest += chunk[start...]
      isGood = rest.count <= bytesMax
      return isGood
    }
    if isGood, !rest.isEmpty { line(String(decoding: rest, as: UTF8.self)) }
    return isGood
  }

  private static func reason(_ code: Int32, _ path: String) -> String {
    switch code {
    case ENOENT where !FileManager.default.fileExists(atPath: path): "there is no such file"
    case EACCES where !FileManager.default.isExecutableFile(atPath: path): "it may not be executed"
    // A program of another machine, or a text without `#!`.
    case ENOEXEC: "it is no program"
    default: POSIXErrorCode(rawValue: code).map { "\($0)" } ?? "error \(code)"
    }
  }
}
