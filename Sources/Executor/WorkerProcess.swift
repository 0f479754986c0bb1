// The client of one worker process: questions on its standard input, answers on its output.

import Foundation
import Glibc
public import Reports
import Threads

/// A worker process, from its start to its end.
///
/// The process cannot outlive its client: end of file on its input ends a sound one, SIGKILL ends
/// every other one.
public actor WorkerProcess: SupervisedExecutor {
  /// How long a worker may take to leave after its input has ended.
  private static let farewell = Duration.seconds(2)

  private let executable: String
  private let child: ChildProcess
  private let alarm = Alarm()

  /// Of its own: an answer that comes while the worker is to leave clears the other one.
  private let farewellAlarm = Alarm()

  /// Ends when the process is gone.
  private var process: Task<Void, Never>?
  private var lastID = 0
  private var waiting: Waiting?

  /// Why we end the process; beats what the process's end looks like.
  private var cause: ExecutorError?

  private var complaints = Complaints()

  /// What it said last on its standard error, a line each; all of it once the process is gone.
  public var said: [String] { complaints.said }

  private var spawned: SpawnedProcess?

  /// nil before the process has started, and once it is gone.
  public private(set) var pid: Int32?

  private var isToBeKilled = false

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
    let (pieces, told) = AsyncStream.makeStream(of: ChildProcess.Piece.self)
    let child = ChildProcess(
      executable, arguments: arguments, lineBytesMax: lineBytesMax, tell: { told.yield($0) })
    let worker = WorkerProcess(executable: executable, child: child)
    await worker.hear(pieces, lineBytesMax: lineBytesMax)
    return worker
  }

  private init(executable: String, child: ChildProcess) {
    self.executable = executable
    self.child = child
  }

  private func hear(_ pieces: AsyncStream<ChildProcess.Piece>, lineBytesMax: Int) {
    process = Task {
      for await piece in pieces where self.isOver(after: piece, lineBytesMax) { return }
    }
  }

  /// - Returns: Whether nothing comes any more.
  private func isOver(after piece: ChildProcess.Piece, _ lineBytesMax: Int) -> Bool {
    switch piece {
    case .started(let started):
      (spawned, pid) = (started, started.pid)
      // Somebody was in a hurry while it was being started.
      if isToBeKilled { kill() }
    case .line(let line): received(line)
    case .lineTooLong: end(.garbled("a line over \(lineBytesMax >> 10) KiB"))
    case .complaint(let line): complaints.take(line)
    case .ended(let ending):
      ended(.crashed(ending))
      return true
    case .couldNotStart(let reason):
      ended(.couldNotStart(executable: executable, reason: reason))
      return true
    }
    return false
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
    do throws(SystemFailure) {
      try Alarm.begin()
    } catch {
      throw .couldNotStart(
        executable: executable, reason: ChildProcess.reason(error.code, executable))
    }
    alarm.set(after: deadline) { [weak self] in
      Task { await self?.expire(id, deadline) }
    }
    let answer = await withCheckedContinuation { continuation in
      waiting = Waiting(id: id, answer: continuation)
      do {
        try child.write(line)
      } catch {
        // The process no longer reads: it is dying, and its end will tell why.
      }
    }
    alarm.clear()
    let reply = try answer.get()
    if let fault = reply.error { throw .refused(fault) }
    return reply
  }

  public func stop() async {
    if cause == nil { cause = .stopped }
    child.closeInput()
    do throws(SystemFailure) {
      try Alarm.begin()
      farewellAlarm.set(after: Self.farewell) { [weak self] in
        Task { await self?.kill() }
      }
    } catch {
      // Nobody could do it later.
      kill()
    }
    await process?.value
    farewellAlarm.clear()
  }

  public func gone() async -> ExecutorError {
    await process?.value
    return ending ?? .stopped
  }

  // MARK: What the process says

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
    child.closeInput()
    kill()
  }

  /// Kills the process, as somebody else would: its end is told as a crash.
  package func kill() {
    isToBeKilled = true
    spawned?.end()
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
    child.closeInput()
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

  private static func start(of line: String) -> String {
    let shown = line.prefix(40).filter { !$0.isNewline }
    return "`\(shown)\(line.count > 40 ? "..." : "")`"
  }
}
