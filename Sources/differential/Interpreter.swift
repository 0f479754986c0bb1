// A process that answers programs with traces: our own, or Python with greenlet.

import DifferentialKit
import Foundation

/// One side of the comparison.
final class Interpreter {
  private let program: URL
  private let arguments: [String]
  private let complaints: URL
  private var running: Running?

  private struct Running {
    let process: Process
    let input: FileHandle
    let output: FileHandle
  }

  /// How long one program, or a batch of them, may take before its process is ended as hung.
  ///
  /// They take milliseconds: the rest is for whoever else uses the machine.
  private static let secondsMax = 30.0

  /// Describes a process, which starts with the first programs; its complaints go to a file.
  init(program: URL, arguments: [String], complaints: URL) {
    self.program = program
    self.arguments = arguments
    self.complaints = complaints
  }

  /// Sends programs; the answers come with `finish`.
  func begin(_ programs: [Program]) throws {
    let running = try self.running ?? start()
    self.running = running
    let text = programs.map { $0.line + "\n" }.joined() + "\n"
    // Beside the reading: a process that hangs in an early program does not read the later ones, and
    // a pipe holds less than a batch. One that is dead is found by its missing answer.
    let input = running.input
    DispatchQueue.global().async { try? input.write(contentsOf: Data(text.utf8)) }
  }

  /// The answers to what `begin` sent.
  ///
  /// A program that kills or hangs the process is answered by what became of the process.
  func finish(_ programs: [Program]) throws -> [Answer] {
    if let answers = read(programs.count) { return answers }
    let fate = bury()
    if programs.count == 1 { return [Answer(trace: [fate])] }
    return try programs.map { try answer($0) }
  }

  func answer(_ program: Program) throws -> Answer {
    try begin([program])
    return try finish([program])[0]
  }

  private func start() throws -> Running {
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = program
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    process.standardInput = input
    process.standardOutput = output
    try Data().write(to: complaints)
    process.standardError = try FileHandle(forWritingTo: complaints)
    try process.run()
    return Running(
      process: process, input: input.fileHandleForWriting, output: output.fileHandleForReading)
  }

  /// Reads a number of lines; nil when the process ends before.
  private func read(_ count: Int) -> [Answer]? {
    guard let running else { return nil }
    let process = running.process
    let watchdog = DispatchWorkItem { kill(process.processIdentifier, SIGKILL) }
    DispatchQueue.global().asyncAfter(
      deadline: .now() + Self.secondsMax, execute: watchdog)
    defer { watchdog.cancel() }
    var data = Data()
    var lines = 0
    while lines < count {
      let more = running.output.availableData
      if more.isEmpty { return nil }
      lines += more.count { $0 == UInt8(ascii: "\n") }
      data += more
    }
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map {
      Answer(line: String($0))
    }
  }

  /// Waits for a process that gives no answers any more.
  ///
  /// - Returns: How it ended, and the last thing that it said.
  private func bury() -> String {
    guard let running else { return "died before it began" }
    self.running = nil
    // It is dead or about to be: a pipe that is closed already is what is wanted.
    try? running.input.close()
    running.process.waitUntilExit()
    // Without its complaints the way it ended has to do.
    let said = (try? String(contentsOf: complaints, encoding: .utf8)) ?? ""
    let last = said.split(separator: "\n").first { $0.contains("rror") } ?? ""
    let status = running.process.terminationStatus
    switch running.process.terminationReason {
    case .uncaughtSignal where status == SIGKILL: return "hung"
    case .uncaughtSignal: return "died of signal \(status) \(last)"
    default: return "died with code \(status) \(last)"
    }
  }
}
