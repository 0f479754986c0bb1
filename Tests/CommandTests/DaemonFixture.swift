// A daemon of scripted answers, and the program run against it.

import DaemonAPI
import DaemonTestKit
import Foundation
import Reports
import Testing

/// Runs the program with a runtime folder and a store of its own.
struct DaemonFixture {
  /// Answers by the request's first line without the version, as in `GET /v1/status`.
  typealias Answers = @Sendable (_ line: String) throws -> [Step]?

  let server: ScriptedServer
  let commands: CommandTests

  /// Runs a test with a daemon of this program's version.
  ///
  /// - Parameters:
  ///   - answers: What it says; nil for what is not found. The status it knows by itself.
  ///   - change: Makes the status another one.
  ///   - test: The test.
  /// - Throws: What the test throws, or what the system refuses.
  static func with(
    answers: @escaping Answers = { _ in nil },
    status change: (inout DaemonStatus) -> Void = { _ in },
    test: (DaemonFixture) async throws -> Void
  ) async throws {
    let commands = try CommandTests()
    var status = Sample.status
    status.commit = try commit(commands)
    status.store = commands.store
    change(&status)
    let told = try Sample.json(status)
    let server = try await ScriptedServer { _, _, text in
      let line = String(text.prefix { $0 != "\r\n" }.dropLast(" HTTP/1.1".count))
      do {
        if let steps = try answers(line) { return steps }
        if line == "GET /v1/status" { return [.send(ScriptedServer.answer(told))] }
        let problem =
          #"{"code":"not-found","detail":"there is no \#(line); ask for something else"}"#
        return [.send(ScriptedServer.answer(problem, status: "404 Not Found"))]
      } catch {
        Issue.record(error)
        return [.close]
      }
    }
    defer { commands.remove() }
    do {
      try await test(DaemonFixture(server: server, commands: commands))
    } catch {
      try await server.stop()
      throw error
    }
    try await server.stop()
  }

  private static func commit(_ commands: CommandTests) throws -> String {
    let outcome = try commands.greenbench("version", "--json")
    let document = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    return try #require((document as? [String: Any])?["commit"] as? String)
  }

  func start(_ arguments: [String]) throws -> (Process, Pipe, Pipe) {
    try commands.start(
      arguments,
      environment: ["GREENBENCH_RUNTIME_DIR": server.folder, "GREENBENCH_DAEMON": "on"])
  }

  func greenbench(_ arguments: String...) throws -> CommandTests.Outcome {
    try commands.end(start(arguments))
  }

  /// The requests that begin so.
  func requests(_ beginning: String) -> [String] {
    server.requests.filter { $0.hasPrefix(beginning) }
  }

  // MARK: Answers

  static func json(_ value: some Encodable, status: String = "200 OK") throws -> [Step] {
    [.send(ScriptedServer.answer(try Sample.json(value), status: status))]
  }

  /// A stream of these updates; it is left open.
  static func stream(_ frames: [String]) -> [Step] {
    [.send(ScriptedServer.streamHead), .send(ScriptedServer.chunk(frames.joined()))]
  }

  /// The report that the scripted daemon has stored.
  static func report(exit: Int32 = 0) -> RunReport {
    var row = Row(
      workload: "ping-pong", backend: "native", stack: "mapped:64KiB", parameters: ["rounds": 100])
    row.p10 = 9.5
    row.blocks = 20
    row.status = exit == 0 ? .ok : .crashed
    row.failure = exit == 0 ? nil : "worker died: signal 11 (SIGSEGV)"
    return RunReport(
      session: "0f0f0f0f-0000-4000-8000-000000000000", seed: 7, environment: ["cpu": "none"],
      verdict: exit == 0 ? .ok : exit == 130 ? .interrupted : .failed, exit: exit, rows: [row])
  }

  /// The job of that session.
  static func done(exit: Int32 = 0, state: Job.State = .done) -> Job {
    var job = Sample.job(state, exit: exit)
    job.session = report().session
    return job
  }

  /// What a daemon answers to a run that ends with an exit code.
  static func run(exit: Int32 = 0) -> Answers {
    { line in
      switch line {
      case "POST /v1/jobs":
        try json(Submission(job: Sample.job(), repeated: false), status: "201 Created")
      case "GET /v1/jobs/5/updates", "GET /v1/jobs/5/updates?cancel_on_close=true":
        stream([
          try Sample.frame("state", Sample.job(.queued)),
          try Sample.frame("state", Sample.job(.running)),
          try Sample.frame("progress", Sample.progress),
          try Sample.frame("state", done(exit: exit)),
        ])
      case "GET /v1/sessions/\(report().session)": try json(report(exit: exit))
      default: nil
      }
    }
  }
}
