// The client of one worker process: questions on its standard input, answers on its output.

import Foundation
import Glibc
public import Reports
import Subprocess
import SystemPackage

/// A worker process, from its start to its end.
///
/// The process cannot outlive its client: end of file on its input ends a sound one, SIGKILL ends
/// every other one. It runs in a process group of its own, so that Ctrl-C in a terminal reaches
/// the runner alone.
public actor WorkerProcess: SupervisedExecutor {
  /// How long a worker may take to leave after its input has ended.
  private static let farewell = Duration.seconds(2)

  private let executable: String
  private let lineBytesMax: Int
  private let questions: AsyncStream<String>.Continuation
  private var process: Task<Void, Never>?
  private var lastID = 0
  private var waiting: Waiting?

  /// Why we end the process; beats what the process's end looks like.
  private var cause: ExecutorError?

  private var complaints = Complaints()

  /// nil before the process has started, and once it is gone.
  public private(set) var pid: Int32?

  /// Set once the process is gone.
  private var ending: ExecutorError?

  private struct Waiting {
    let id: Int
    let answer: CheckedContinuation<Result<ExecutorReply, ExecutorError>, Never>
  }

  /// Starts a worker.
  ///
  /// That it could not be started shows at the first question.
  ///
  /// - Parameters:
  ///   - executable: Path of the program.
  ///   - arguments: Its arguments.
  ///   - lineBytesMax: The longest line that is taken from it.
  /// - Returns: The client.
  public static func launch(
    _ executable: String, arguments: [String] = ["worker"],
    lineBytesMax: Int = ExecutorProtocol.lineBytesMax
  ) async -> WorkerProcess {
    // Writing to a worker that has just died must be an error, not the death of the runner.
    _ = signal(SIGPIPE, SIG_IGN)
    let (stream, continuation) = AsyncStream.makeStream(of: String.self)
    let worker = WorkerProcess(
      executable: executable, lineBytesMax: lineBytesMax, questions: continuation)
    await worker.start(arguments, stream)
    return worker
  }

  private init(
    executable: String, lineBytesMax: Int, questions: AsyncStream<String>.Continuation
  ) {
    self.executable = executable
    self.lineBytesMax = lineBytesMax
    self.questions = questions
  }

  private func start(_ arguments: [String], _ lines: AsyncStream<String>) {
    let path = executable
    process = Task {
      let ending: ExecutorError
      do {
        ending = .crashed(try await Self.converse(path, arguments, lines, self))
      } catch {
        ending = .couldNotStart(executable: path, reason: Self.reason(error))
      }
      ended(ending)
    }
  }

  public func ask(
    _ request: ExecutorRequest, deadline: Duration
  ) async throws(ExecutorError) -> ExecutorReply {
    if let ending { throw ending }
    precondition(waiting == nil, "one question at a time")
    lastID += 1
    let id = lastID
    var numbered = request
    numbered.id = id
    let line = try encode(numbered)
    complaints.forget()
    let timer = Task {
      // The only error is cancellation: the answer came first.
      guard (try? await Task.sleep(for: deadline)) != nil else { return }
      expire(id, deadline)
    }
    let answer = await withCheckedContinuation { continuation in
      waiting = Waiting(id: id, answer: continuation)
      questions.yield(line)
    }
    timer.cancel()
    let reply = try answer.get()
    if let fault = reply.error { throw .refused(fault) }
    return reply
  }

  public func stop() async {
    if cause == nil { cause = .stopped }
    questions.finish()
    let timer = Task {
      // The only error is cancellation: the process left by itself.
      guard (try? await Task.sleep(for: Self.farewell)) != nil else { return }
      process?.cancel()
    }
    await process?.value
    timer.cancel()
  }

  public func gone() async -> ExecutorError {
    await process?.value
    return ending ?? .stopped
  }

  // MARK: What the process says

  private func started(_ number: Int32) { pid = number }

  private func received(_ line: String) {
    guard let waiting else { return end(.garbled("a line that nobody asked for")) }
    let reply: ExecutorReply
    do {
      reply = try JSONDecoder().decode(ExecutorReply.self, from: Data(line.utf8))
    } catch {
      return end(.garbled("a line that is no reply: \(Self.start(of: line))"))
    }
    guard reply.id == waiting.id else {
      return end(.garbled("reply \(reply.id) to question \(waiting.id)"))
    }
    self.waiting = nil
    waiting.answer.resume(returning: .success(reply))
  }

  private func expire(_ id: Int, _ deadline: Duration) {
    if waiting?.id == id { end(.hung(deadline: deadline)) }
  }

  /// Kills the process.
  ///
  /// The question is answered when it is gone.
  private func end(_ why: ExecutorError) {
    if cause == nil { cause = why }
    questions.finish()
    process?.cancel()
  }

  private func ended(_ how: ExecutorError) {
    var how = how
    if case .crashed(let ending, _) = how {
      how =
        complaints.overflow.map { .overflowed($0, ending) } ?? .crashed(ending, complaints.note)
    }
    let why = cause ?? how
    ending = why
    pid = nil
    questions.finish()
    if let waiting {
      self.waiting = nil
      waiting.answer.resume(returning: .failure(why))
    }
  }

  private func encode(_ request: ExecutorRequest) throws(ExecutorError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(request), as: UTF8.self) + "\n"
    } catch {
      throw .garbled("the request cannot be written as JSON: \(error)")
    }
  }

  // MARK: The process itself

  /// Runs the process until it ends; cancelling the task kills it.
  private static func converse(
    _ path: String, _ arguments: [String], _ lines: AsyncStream<String>, _ worker: WorkerProcess
  ) async throws -> ExecutorError.Ending {
    var options = PlatformOptions()
    options.processGroupID = 0
    let result = try await run(
      .path(.init(path)), arguments: .init(arguments), platformOptions: options,
      input: .inputWriter, output: .sequence, error: .sequence
    ) { execution in
      await worker.started(execution.processIdentifier.value)
      let standardError = execution.standardError
      // Not of the group: what a process says last is read to its end.
      async let complaints: Void = hear(standardError, for: worker)
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          do {
            for await line in lines { _ = try await execution.standardInputWriter.write(line) }
            try await execution.standardInputWriter.finish()
          } catch {
            // The process no longer reads: it is dying, and its end will tell why.
          }
        }
        let output = execution.standardOutput.strings(
          separatedBy: .unicodeScalarSequence(["\n"]),
          bufferingPolicy: .maxLineLength(worker.lineBytesMax))
        do {
          for try await line in output { await worker.received(line) }
        } catch let error as SubprocessError where error.code == .outputLimitExceeded {
          await worker.end(.garbled("a line over \(worker.lineBytesMax >> 10) KiB"))
        } catch {
          // The output broke off because the process is dying: its end will tell why.
        }
        group.cancelAll()
      }
      await complaints
    }
    return switch result.terminationStatus {
    case .exited(let code): .exited(code)
    case .signaled(let number): .signalled(number)
    }
  }

  private static func hear(
    _ standardError: SubprocessOutputSequence, for worker: WorkerProcess
  ) async {
    let lines = standardError.strings(
      separatedBy: .unicodeScalarSequence(["\n"]), bufferingPolicy: .unbounded)
    do {
      for try await line in lines { await worker.heard(line) }
    } catch {
      // It broke off because the process is being killed: its end tells why.
    }
  }

  private func heard(_ line: String) { complaints.take(line) }

  private static func reason(_ error: any Error) -> String {
    let text = (error as? SubprocessError)?.underlyingError.map { "\($0)" } ?? "\(error)"
    return text.split(separator: "\n").joined(separator: " ")
  }

  private static func start(of line: String) -> String {
    let shown = line.prefix(40).filter { !$0.isNewline }
    return "`\(shown)\(line.count > 40 ? "..." : "")`"
  }
}
