// A process and its three pipes, started, read and waited for on a thread that stays.

import Foundation
import Threads

/// A child process.
///
/// Nothing here looks at a clock while it speaks: whoever waits for a batch must not run beside it.
package struct ChildProcess: Sendable {
  /// What becomes of the process, in this order; nothing comes after the last two.
  package enum Piece: Sendable {
    case started(SpawnedProcess)

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
  ///   - tell: Called from one thread; from this one, if there is no other.
  package init(
    _ path: String, arguments: [String], lineBytesMax: Int,
    tell: @escaping @Sendable (Piece) -> Void
  ) {
    let input = input
    do throws(SystemFailure) {
      try Crew.shared.run { Self.live(path, arguments, lineBytesMax, input, tell) }
    } catch {
      tell(.couldNotStart(reason: Self.reason(error.code, path)))
    }
  }

  /// The whole life of a process, on the thread that stays with it.
  private static func live(
    _ path: String, _ arguments: [String], _ lineBytesMax: Int, _ input: PipeInput,
    _ tell: @escaping (Piece) -> Void
  ) {
    let process: SpawnedProcess
    do throws(SystemFailure) {
      process = try SpawnedProcess(
        path, arguments: arguments, environment: environment, input: input)
    } catch {
      return tell(.couldNotStart(reason: reason(error.code, path)))
    }
    tell(.started(process))
    // What a process says last is read to its end.
    LineReader.readAll([
      LineReader(process.output, bytesMax: lineBytesMax) { news in
        switch news {
        case .line(let line): tell(.line(line))
        case .tooLong: tell(.lineTooLong)
        }
      },
      LineReader(process.errors) { news in
        if case .line(let line) = news { tell(.complaint(line)) }
      },
    ])
    let ending = process.wait()
    // Not before: a program may take the end of its input for the end of its parent.
    input.close()
    tell(.ended(ending))
    process.reap()
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

  static func reason(_ code: Int32, _ path: String) -> String {
    switch code {
    case ENOENT where !FileManager.default.fileExists(atPath: path): "there is no such file"
    case EACCES where !FileManager.default.isExecutableFile(atPath: path): "it may not be executed"
    // A program of another machine, or a text without `#!`.
    case ENOEXEC: "it is no program"
    default: POSIXErrorCode(rawValue: code).map { "\($0)" } ?? "error \(code)"
    }
  }
}
