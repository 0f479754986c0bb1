// The command line's root: subcommands, and how a process ends.

public import ArgumentParser
import CContexts
import CSpawn
import Foundation
import Glibc
import WorkerService

/// `greenbench`.
public struct GreenbenchCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "greenbench",
    abstract: "Measures and compares stackful coroutines.",
    discussion: """
      Results go to standard output, progress and errors to standard error. `greenbench --version` \
      tells the version, `greenbench exit-codes` what the exit codes mean.
      """,
    subcommands: [
      RunCommand.self, AttachCommand.self, QueueCommand.self, ScheduleCommand.self,
      DaemonCommand.self, StressCommand.self, ListCommand.self, ShowCommand.self,
      CompareCommand.self, SQLCommand.self,
      WorkloadCommand.self, BackendCommand.self, CompletionsCommand.self, VersionCommand.self,
      ExitCodesCommand.self, WorkerCommand.self,
    ])

  public init() {}

  /// Does what only the first thread of a process can do, before all else.
  ///
  /// - Parameter arguments: The arguments after the program's name.
  public static func prepare(_ arguments: [String]) {
    gb_hold_standard_numbers()
    if arguments.starts(with: ["daemon", "run"]) {
      FrugalAllocator.begin()
      DaemonThreads.begin()
    }
    // A run that is killed takes its trials with it, and they their daemons and workers.
    if arguments.starts(with: ["stress", "trial"]) { gb_die_with_parent() }
  }

  /// Runs the program.
  ///
  /// - Parameter arguments: The arguments after the program's name.
  /// - Returns: The exit code.
  public static func execute(_ arguments: [String]) async -> Int32 {
    // A reader that leaves early (`| head`) is no reason to die half-way through a measurement.
    _ = signal(SIGPIPE, SIG_IGN)
    do {
      var command = try parseAsRoot(rewritten(arguments))
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
      return flushed()
    } catch let code as ExitCode {
      return code.rawValue
    } catch let error as any ExitCoded {
      complain("\(error)")
      return error.exitCode
    } catch {
      return parserExit(error)
    }
  }

  /// What was printed must have arrived.
  private static func flushed() -> Int32 {
    // A reader that has left wanted no more.
    if fflush(nil) != 0, errno != EPIPE {
      let reason = POSIXErrorCode(rawValue: errno).map { "\($0)" } ?? "error \(errno)"
      complain("standard output cannot be written: \(reason); what was printed is not complete")
      return ExitCodes.internalError.rawValue
    }
    return ExitCodes.ok.rawValue
  }

  /// Spellings that people try, as the subcommands they mean.
  static func rewritten(_ arguments: [String]) -> [String] {
    if arguments.first == "--version" { return ["version"] + arguments.dropFirst() }
    if arguments.prefix(2) == ["help", "exit-codes"] { return ["exit-codes"] }
    // The word after it may be the workload.
    return arguments.indices.map { index in
      guard arguments[index] == "--wait-for-quiet",
        index + 1 == arguments.count || Double(arguments[index + 1]) == nil
      else { return arguments[index] }
      return "--wait-for-quiet=\(JobOptions.quietPercent)"
    }
  }

  private static func parserExit(_ error: any Error) -> Int32 {
    switch exitCode(for: error) {
    case .success:
      print(fullMessage(for: error))
      return ExitCodes.ok.rawValue
    case .validationFailure:
      let text = folded(message(for: error))
      let hinted = text.replacing(". Did you mean", with: "; did you mean")
      complain(hinted == text ? "\(text); see `greenbench --help`" : hinted)
      return ExitCodes.usage.rawValue
    default:
      complain("\(folded("\(error)")); report it with the command line")
      return ExitCodes.internalError.rawValue
    }
  }

  /// Makes one line of a message, without the full stop at its end.
  static func folded(_ message: String) -> String {
    let line = message.split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
    return line.hasSuffix(".") ? String(line.dropLast()) : line
  }

  static func complain(_ message: String) {
    tell("greenbench: \(folded(message))")
  }

  /// Writes a line to standard error.
  static func tell(_ line: String) {
    // Nobody may read it any more; that is no reason to end before the work is done.
    try? FileHandle.standardError.write(contentsOf: Data("\(line)\n".utf8))
  }
}

/// `greenbench worker`: the process that runs workloads, for `greenbench run` to start.
struct WorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker", abstract: "Runs workloads for a runner, over standard input and output.",
    shouldDisplay: false)

  @Option(help: "The CPU to stay on. The one that it starts on if not given.")
  var cpu: Int32?

  func run() { WorkerService.serve(cpu: cpu) }
}
