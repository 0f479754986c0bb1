// What the commands on the daemon, its queue and its schedules promise.

import DaemonAPI
import DaemonTestKit
import Foundation
import Testing

struct DaemonCommandTests {
  @Test func withoutADaemonItsCommandsSaySo() throws {
    let commands = try CommandTests()
    defer { commands.remove() }
    for arguments in [
      ["daemon", "status"], ["daemon", "events"], ["daemon", "pause"], ["queue", "ls"],
      ["queue", "cancel", "1"], ["attach", "1"], ["schedule", "ls"], ["queue", "top"],
    ] {
      let outcome = try commands.end(commands.start(arguments))
      #expect(outcome.status == 70, "\(arguments) \(outcome.complaint)")
      #expect(outcome.complaint.contains("greenbench daemon start"), "\(outcome.complaint)")
    }
    let stopped = try commands.greenbench("daemon", "stop")
    #expect(stopped.status == 0 && stopped.output == "no daemon runs\n")
    #expect(try commands.greenbench("daemon", "logs").status == 5)
  }

  @Test func statusIsADocumentAndLines() async throws {
    try await DaemonFixture.with { fixture in
      let outcome = try fixture.greenbench("daemon", "status", "--json")
      #expect(outcome.status == 0, "\(outcome.complaint)")
      let document = try #require(
        try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      for key in ["pid", "state", "queue", "workers", "uptime_s", "version"] {
        #expect(document[key] != nil, "\(key)")
      }
      let lines = try fixture.greenbench("daemon", "status").output
      #expect(lines.contains("idle, pid 42, up 1 s"), "\(lines)")
      let top = try fixture.greenbench("queue", "top", "-n", "1").output
      #expect(top == "idle  running -  queued 0  paused 0  workers idle\n")
    }
  }

  @Test func nobodyIsStoppedButWhoAnswers() async throws {
    // The status tells of a process that is there and did not make the socket.
    try await DaemonFixture.with { _ in
      nil
    } status: {
      $0.pid = getppid()
    } test: { fixture in
      let outcome = try fixture.greenbench("daemon", "stop")
      #expect(outcome.status == 6)
      #expect(outcome.complaint.contains("systemctl"), "\(outcome.complaint)")
    }
  }

  @Test func startingTwiceIsNoError() async throws {
    try await DaemonFixture.with { fixture in
      let outcome = try fixture.greenbench("daemon", "start")
      #expect(outcome.status == 0)
      #expect(outcome.output == "a daemon runs already, pid 42\n")
    }
  }

  @Test func theQueueIsListedAndChanged() async throws {
    try await DaemonFixture.with { line in
      switch line {
      case "GET /v1/jobs?limit=20&state=queued,running":
        try DaemonFixture.json(JobPage(jobs: [Sample.job()], next: nil))
      case "POST /v1/jobs/5/cancel": try DaemonFixture.json(Sample.job(.cancelled))
      case "POST /v1/jobs/5/pause": try DaemonFixture.json(Sample.job(.paused))
      case "POST /v1/jobs/5/resume": try DaemonFixture.json(Sample.job(.queued))
      case "POST /v1/queue/pause", "POST /v1/queue/resume": try DaemonFixture.json(Sample.status)
      default: nil
      }
    } test: { fixture in
      let list = try fixture.greenbench("queue", "ls", "--state", "running,queued")
      #expect(list.output.contains("uid:1000") && list.output.contains("1970-01-01T00:00:00Z"))
      let document = try fixture.greenbench("queue", "ls", "--state", "queued,running", "--json")
      let page = try JSONDecoder().decode(JobPage.self, from: Data(document.output.utf8))
      #expect(page.jobs == [Sample.job()])
      #expect(try fixture.greenbench("queue", "cancel", "5").output == "job 5 cancelled\n")
      #expect(try fixture.greenbench("queue", "pause", "5").output == "job 5 paused\n")
      #expect(try fixture.greenbench("queue", "resume", "5").output == "job 5 queued\n")
      #expect(try fixture.greenbench("daemon", "pause").output.hasPrefix("the queue is paused"))
      #expect(try fixture.greenbench("daemon", "resume").output.hasPrefix("the queue is open"))
      #expect(try fixture.greenbench("queue", "cancel", "6").status == 5)
    }
  }

  @Test func eventsComeFromACursor() async throws {
    try await DaemonFixture.with { line in
      switch line {
      case "GET /v1/events?after=0&limit=1000":
        try DaemonFixture.json(EventPage(events: [Sample.event(1), Sample.event(2)], next: 2))
      case "GET /v1/events/stream?after=2":
        DaemonFixture.stream([try Sample.frame("event", Sample.event(3), id: 3)]) + [
          .send(ScriptedServer.streamEnd)
        ]
      default: nil
      }
    } test: { fixture in
      // The status names event 3 as the newest, so all fit into the standard count.
      let stored = try fixture.greenbench("daemon", "events", "--json").output
      let events = try stored.split(separator: "\n").map {
        try JSONDecoder().decode(DaemonEvent.self, from: Data($0.utf8))
      }
      #expect(events == [Sample.event(1), Sample.event(2)])
      let followed = try fixture.greenbench("daemon", "events", "--after", "2", "--follow").output
      #expect(
        followed == "3  2026-01-01T00:00:00.000Z  job-started  job 5  job 5 began\n", "\(followed)")
    }
  }

  @Test func schedulesAreAddedListedAndRemoved() async throws {
    let request = ScheduleRequest(cron: "0 3 * * *", name: "@backends", job: Sample.request)
    let schedule = Schedule(id: 2, request: request, nextUnixNanoseconds: 60_000_000_000)
    try await DaemonFixture.with { line in
      switch line {
      case "POST /v1/schedules": try DaemonFixture.json(schedule, status: "201 Created")
      case "GET /v1/schedules": try DaemonFixture.json([schedule])
      case "DELETE /v1/schedules/2": [.send("HTTP/1.1 204 No Content\r\n\r\n")]
      default: nil
      }
    } test: { fixture in
      let added = try fixture.greenbench(
        "schedule", "add", "0 3 * * *", "@backends", "--blocks", "30", "--time-budget", "1h")
      #expect(added.output == "schedule 2, next at 1970-01-01T00:01:00Z\n", "\(added.complaint)")
      let sent = try #require(fixture.requests("POST /v1/schedules").first)
      for part in [
        #""cron":"0 3 * * *""#, #""name":"@backends""#, #""blocks":30"#, #""fresh_seed":true"#,
        #""time_budget_s":3600"#, #""greenlet""#,
      ] {
        #expect(sent.contains(part), "\(part)")
      }
      #expect(try fixture.greenbench("schedule", "ls").output.contains("@backends"))
      #expect(try fixture.greenbench("schedule", "rm", "2").output == "schedule 2 removed\n")
    }
  }

  @Test func theLogIsReadFromItsEnd() throws {
    let commands = try CommandTests()
    defer { commands.remove() }
    let log = commands.folder.appending(path: "daemon.log")
    try Data("one\ntwo\nthree\n".utf8).write(to: log)
    #expect(try commands.greenbench("daemon", "logs").output == "one\ntwo\nthree\n")
    #expect(try commands.greenbench("daemon", "logs", "-n", "1").output == "three\n")
  }

  @Test func aLogThatOthersMayReadOrALinkIsNotWrittenTo() throws {
    let commands = try CommandTests()
    defer { commands.remove() }
    let manager = FileManager.default
    let log = commands.folder.appending(path: "daemon.log")
    let other = commands.folder.appending(path: "other")
    try Data("mine\n".utf8).write(to: other)
    let modes = [(0o700, 0o644), (0o755, 0o600)]
    for (folder, file) in modes {
      try Data().write(to: log)
      try manager.setAttributes([.posixPermissions: file], ofItemAtPath: log.path)
      try manager.setAttributes([.posixPermissions: folder], ofItemAtPath: commands.folder.path)
      #expect(try commands.greenbench("daemon", "start").status == 6, "\(folder) \(file)")
    }
    try manager.setAttributes([.posixPermissions: 0o700], ofItemAtPath: commands.folder.path)
    try manager.removeItem(at: log)
    try manager.createSymbolicLink(at: log, withDestinationURL: other)
    #expect(try commands.greenbench("daemon", "start").status == 6)
    try manager.removeItem(at: log)
    try manager.setAttributes([.posixPermissions: 0o600], ofItemAtPath: other.path)
    try manager.linkItem(at: other, to: log)
    #expect(try commands.greenbench("daemon", "start").status == 6)
    #expect(try String(contentsOf: other, encoding: .utf8) == "mine\n")
  }

  @Test func theDoctorNamesWhatIsBad() async throws {
    try await DaemonFixture.with { fixture in
      let healthy = try fixture.greenbench("daemon", "doctor", "--json")
      #expect(healthy.status == 0, "\(healthy.output)")
      let findings = try #require(
        try JSONSerialization.jsonObject(with: Data(healthy.output.utf8)) as? [[String: String]])
      let checks = Set(findings.compactMap { $0["check"] })
      #expect(
        checks.isSuperset(of: [
          "runtime-folder", "socket", "lock", "daemon", "version", "store", "pressure",
          "processors", "clock", "systemd", "worker",
        ]))
      #expect(findings.first { $0["check"] == "worker" }?["level"] == "ok")

      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: fixture.server.folder)
      let ill = try fixture.greenbench("daemon", "doctor")
      #expect(ill.status == 7)
      #expect(ill.output.contains("chmod 700 \(fixture.server.folder)"), "\(ill.output)")
    }
  }

  @Test func aScenarioIsFoundByItsName() throws {
    let commands = try CommandTests()
    defer { commands.remove() }
    let folder = commands.folder.appending(path: "greenbench/workloads")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data("workload: control\nbackends: native\nblocks: 2\nbatches: 1\n".utf8)
      .write(to: folder.appending(path: "mine.yaml"))
    let config = ["XDG_CONFIG_HOME": commands.folder.path]
    let own = try commands.end(commands.start(["run", "@mine", "--quiet"], environment: config))
    #expect(own.status == 0, "\(own.complaint)")
    let none = try commands.end(commands.start(["run", "@their"], environment: config))
    #expect(none.status == 5)
    #expect(none.complaint.contains("@backends, ") && none.complaint.contains("@mine"))
  }
}
