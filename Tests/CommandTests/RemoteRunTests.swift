// What `run` and `attach` promise when a daemon answers.

import DaemonAPI
import DaemonTestKit
import Foundation
import Reports
import Testing

struct RemoteRunTests {
  @Test func aRunIsTheDaemonsIfOneIsThere() async throws {
    try await DaemonFixture.with(answers: DaemonFixture.run()) { fixture in
      let table = try fixture.greenbench("run", "ping-pong", "--seed", "7", "--priority", "3")
      #expect(table.status == 0, "\(table.complaint)")
      #expect(table.output.hasPrefix("session 0f0f0f0f  seed 7  ping-pong rounds=100"))
      #expect(table.output.contains("9.50 ns"))
      let request = try #require(fixture.requests("POST /v1/jobs").first)
      #expect(request.contains("\r\nIdempotency-Key: "))
      #expect(request.contains(#""priority":3"#) && request.contains(#""seed":7"#))
      #expect(request.contains("ping-pong --seed 7 --priority 3"))

      let quiet = try fixture.greenbench("run", "ping-pong", "--quiet")
      #expect(quiet.output == DaemonFixture.report().session + "\n")
      let document = try fixture.greenbench("run", "ping-pong", "--json").output
      // As every run's document: keys that nothing is known of are there.
      #expect(document.contains("\"knees\" : [") && document.contains("\"checksum\" : null"))
      #expect(try fixture.greenbench("attach", "5").output == table.output)
      #expect(try fixture.greenbench("attach", "5", "--json").output == document)
      let keys = fixture.requests("POST /v1/jobs").compactMap {
        $0.firstMatch(of: /Idempotency-Key: (\S+)/)?.1
      }
      #expect(Set(keys).count == 3)
    }
  }

  @Test func conditionsAreSentAlong() async throws {
    try await DaemonFixture.with(answers: DaemonFixture.run()) { fixture in
      _ = try fixture.greenbench(
        "run", "--wait-for-quiet", "ping-pong", "--quiet-deadline", "2m", "--time-budget", "90s")
      _ = try fixture.greenbench("run", "ping-pong", "--wait-for-quiet", "1.5")
      let requests = fixture.requests("POST /v1/jobs")
      #expect(requests.count == 2)
      for part in [#""deadline_s":120"#, #""pressure_percent_max":5"#, #""time_budget_s":90"#] {
        #expect(requests[0].contains(part), "\(part)")
      }
      #expect(requests[1].contains(#""pressure_percent_max":1.5"#))
    }
  }

  @Test(
    arguments: [
      (3, "1 of 1 rows failed"), (9, "1 of 1 rows failed"), (130, "complete blocks are stored"),
    ] as [(Int32, String)])
  func theJobsExitCodeIsTheRuns(exit: Int32, complaint: String) async throws {
    try await DaemonFixture.with(answers: DaemonFixture.run(exit: exit)) { fixture in
      for arguments in [["run", "ping-pong"], ["attach", "5"]] {
        let outcome = try fixture.commands.end(fixture.start(arguments))
        #expect(outcome.status == exit)
        #expect(outcome.complaint.contains(complaint), "\(outcome.complaint)")
        #expect(outcome.output.contains("ping-pong"))
      }
    }
  }

  @Test(
    arguments: [
      (.failed, "no memory; ask for less", 1), (.expired, nil, 75), (.cancelled, nil, 130),
    ] as [(Job.State, String?, Int32)]) func aJobWithoutASessionSaysWhy(
      state: Job.State, reason: String?, exit: Int32
    ) async throws
  {
    try await DaemonFixture.with { line in
      guard line == "GET /v1/jobs/5/updates" else { return nil }
      var job = Sample.job(state)
      job.reason = reason
      return DaemonFixture.stream([try Sample.frame("state", job)])
    } test: { fixture in
      let outcome = try fixture.greenbench("attach", "5")
      #expect(outcome.status == exit)
      #expect(outcome.complaint.contains(reason ?? state.rawValue), "\(outcome.complaint)")
    }
  }

  @Test func aDetachedRunPrintsItsNumber() async throws {
    try await DaemonFixture.with(answers: DaemonFixture.run()) { fixture in
      let outcome = try fixture.greenbench("run", "ping-pong", "--detach")
      #expect(outcome.status == 0)
      #expect(outcome.output == "5\n")
      #expect(fixture.requests("GET /v1/jobs/5/updates").isEmpty)
    }
  }

  @Test func nobodyWaitsWhoDoesNotWantTo() async throws {
    try await DaemonFixture.with(answers: DaemonFixture.run()) {
      $0.queue.running = 4
    } test: { fixture in
      let outcome = try fixture.greenbench("run", "ping-pong", "--no-wait")
      #expect(outcome.status == 75)
      #expect(outcome.complaint.contains("1 unfinished job;"), "\(outcome.complaint)")
      #expect(fixture.requests("POST").isEmpty)
    }
  }

  @Test func ctrlCCancelsTheJobAndShowsWhatIsComplete() async throws {
    try await DaemonFixture.with { line in
      switch line {
      case "POST /v1/jobs/5/cancel": try DaemonFixture.json(Sample.job(.running))
      case "GET /v1/jobs/5/updates?cancel_on_close=true":
        DaemonFixture.stream([try Sample.frame("state", Sample.job(.running))]) + [
          .wait("POST /v1/jobs/5/cancel"),
          .send(
            ScriptedServer.chunk(
              try Sample.frame("state", DaemonFixture.done(exit: 130, state: .cancelled)))),
        ]
      default: try DaemonFixture.run(exit: 130)(line)
      }
    } test: { fixture in
      let started = try fixture.start(["run", "ping-pong"])
      while fixture.requests("GET /v1/jobs/5/updates").isEmpty, started.0.isRunning {
        await Task.yield()
      }
      started.0.interrupt()
      let outcome = try fixture.commands.end(started)
      #expect(outcome.status == 130)
      #expect(outcome.output.contains("interrupted"), "\(outcome.output)")
      #expect(fixture.requests("POST /v1/jobs/5/cancel").count == 1)
    }
  }

  @Test func ctrlCLeavesAnAttachedJobAlone() async throws {
    try await DaemonFixture.with { line in
      guard line == "GET /v1/jobs/5/updates" else { return nil }
      return DaemonFixture.stream([try Sample.frame("state", Sample.job(.running))])
    } test: { fixture in
      let started = try fixture.start(["attach", "5"])
      while fixture.requests("GET /v1/jobs/5/updates").isEmpty, started.0.isRunning {
        await Task.yield()
      }
      started.0.interrupt()
      let outcome = try fixture.commands.end(started)
      #expect(outcome.status == 130)
      #expect(outcome.complaint.contains("`greenbench attach 5`"), "\(outcome.complaint)")
      #expect(fixture.requests("POST").isEmpty)
    }
  }

  @Test(arguments: [
    ("another store", "not in"), ("another version", "version 9"), ("--no-daemon", ""),
    ("off", ""),
  ]) func aRunIsOursWhereTheDaemonsWouldBeAnother(why: String, note: String) async throws {
    try await DaemonFixture.with(answers: DaemonFixture.run()) { status in
      if why == "another store" { status.store = "/elsewhere/results.sqlite" }
      if why == "another version" { status.version = "9" }
    } test: { fixture in
      let run = [
        "run", "control", "--quick", "--blocks", "2", "--backend", "native", "--quiet",
      ]
      let off = why == "off" ? "off" : "on"
      let started = try fixture.commands.start(
        why.hasPrefix("--") ? run + [why] : run,
        environment: ["GREENBENCH_RUNTIME_DIR": fixture.server.folder, "GREENBENCH_DAEMON": off])
      let outcome = try fixture.commands.end(started)
      #expect(outcome.status == 0, "\(outcome.complaint)")
      #expect(
        note.isEmpty ? outcome.complaint.isEmpty : outcome.complaint.contains(note),
        "\(outcome.complaint)")
      #expect(fixture.requests("POST").isEmpty)
      let session = String(outcome.output.dropLast())
      #expect(try fixture.greenbench("show", session).status == 0)
    }
  }

  @Test func whatOnlyADaemonCanDoIsRefusedWithoutOne() throws {
    let commands = try CommandTests()
    defer { commands.remove() }
    for option in ["--detach", "--wait-for-quiet"] {
      let started = try commands.start(
        ["run", "ping-pong", option], environment: ["GREENBENCH_DAEMON": "on"])
      let outcome = try commands.end(started)
      #expect(outcome.status == 70)
      #expect(outcome.complaint.contains("\(option) needs a daemon"), "\(outcome.complaint)")
    }
  }
}
