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

  private let input = Pipe()

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
    let (input, output, errors) = (input, Pipe(), Pipe())
    Crew.shared.run {
      // A pipe that could not be made says so by its number alone.
      let isPiped = [input, output, errors].allSatisfy {
        $0.fileHandleForReading.fileDescriptor >= 0
      }
      guard isPiped, Self.hasDescriptors else {
        for pipe in [input, output, errors] { Self.close(pipe) }
        return tell(.couldNotStart(reason: "\(POSIXErrorCode.EMFILE)"))
      }
      let process = Process()
      process.executableURL = URL(filePath: path)
      process.arguments = arguments
      process.environment = Self.environment
      process.standardInput = input
      process.standardOutput = output
      process.standardError = errors
      let gone = DispatchSemaphore(value: 0)
      process.terminationHandler = { _ in gone.signal() }
      do {
        try process.run()
      } catch {
        // Foundation keeps the pipes of a process that it could not start, when descriptors are short.
        for pipe in [input, output, errors] { Self.close(pipe) }
        return tell(.couldNotStart(reason: Self.reason(error, path)))
      }
      tell(.started(pid: process.processIdentifier))
      let heard = DispatchSemaphore(value: 0)
      Crew.shared.run {
        _ = Self.read(errors.fileHandleForReading, bytesMax: .max) { tell(.complaint($0)) }
        heard.signal()
      }
      if !Self.read(output.fileHandleForReading, bytesMax: lineBytesMax, line: { tell(.line($0)) })
      {
        tell(.lineTooLong)
      }
      // What a process says last is read to its end.
      heard.wait()
      // Foundation tells the end on a new thread, and has none where no more processes may be started.
      while gone.wait(timeout: .now() + 1) == .timedOut, process.isRunning {}
      let status = process.terminationStatus
      tell(.ended(process.terminationReason == .exit ? .exited(status) : .signalled(status)))
    }
  }

  /// Ours, without the backtraces of Swift's runtime: another program takes seconds to make them,
  /// and a worker tells its calls itself.
  private static let environment =
    ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { ours, _ in ours
    }

  /// Writes to its standard input.
  ///
  /// - Throws: That it does not read any more: its end tells why.
  package func write(_ text: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
  }

  /// Ends its standard input.
  package func closeInput() {
    // Closed already, or nobody reads: both are what is wanted.
    try? input.fileHandleForWriting.close()
  }

  /// Whether there are as many more as a start takes: when it runs short of them half-way, Foundation
  /// keeps those that it has.
  private static var hasDescriptors: Bool {
    let handles = (0..<12).map { _ in FileHandle(forReadingAtPath: "/dev/null") }
    for handle in handles {
      // Nothing was written; it is closed in any case.
      try? handle?.close()
    }
    return handles.allSatisfy { $0 != nil }
  }

  /// Closes both ends.
  private static func close(_ pipe: Pipe) {
    // One that could not be made has no ends, which is what is wanted.
    try? pipe.fileHandleForReading.close()
    try? pipe.fileHandleForWriting.close()
  }

  /// Reads lines until the end, and closes; false when one of them is too long.
  private static func read(
    _ handle: FileHandle, bytesMax: Int, line: (String) -> Void
  ) -> Bool {
    defer {
      // Nobody else reads it; a worker a run would leave two descriptors each.
      try? handle.close()
    }
    var rest = Data()
    while true {
      let chunk = handle.availableData
      if chunk.isEmpty { break }
      var start = chunk.startIndex
      while let end = chunk[start...].firstIndex(of: UInt8(ascii: "\n")) {
        rest += chunk[start..<end]
        if rest.count > bytesMax { return false }
        line(String(decoding: rest, as: UTF8.self))
        rest = Data()
        start = chunk.index(after: end)
      }
      rest += chunk[start...]
      if rest.count > bytesMax { return false }
    }
    if !rest.isEmpty { line(String(decoding: rest, as: UTF8.self)) }
    return true
  }

  private static func reason(_ error: any Error, _ path: String) -> String {
    // Foundation's words differ between its versions; the system's own are the usual ones.
    let code = ((error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError)?.code
    if let code, let word = POSIXErrorCode(rawValue: Int32(code)) { return "\(word)" }
    if !FileManager.default.fileExists(atPath: path) { return "there is no such file" }
    if !FileManager.default.isExecutableFile(atPath: path) { return "it may not be executed" }
    return error.localizedDescription.split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}
