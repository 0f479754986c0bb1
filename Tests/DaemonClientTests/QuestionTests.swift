// What a client's questions promise, whatever the other end says.

import DaemonAPI
import DaemonTestKit
import Foundation
import Testing

@testable import DaemonClient

struct QuestionTests {
  static func client(
    _ server: ScriptedServer, _ change: (inout ClientLimits) -> Void = { _ in }
  ) -> DaemonClient {
    var limits = ClientLimits()
    // Other tests may keep the CPUs for themselves for longer than a user would wait.
    limits.deadline = .seconds(300)
    change(&limits)
    return DaemonClient(server.address, limits: limits)
  }

  @Test func asksOverOneConnectionAsLongAsItLasts() async throws {
    let status = try Sample.json(Sample.status)
    try await ScriptedServer.with { _, _, _ in
      [.send(ScriptedServer.answer(status))]
    } _: { server in
      let client = Self.client(server)
      for _ in 0..<3 {
        let told = try await client.status()
        #expect(told == Sample.status)
      }
      #expect(server.connections == 1)
      #expect(server.requests.allSatisfy { $0.hasPrefix("GET /v1/status HTTP/1.1\r\n") })
      let peer = try await client.peer()
      #expect(peer == DaemonPeer(pid: getpid(), uid: geteuid()))
    }
  }

  @Test func takesAnAnswerInPieces() async throws {
    let text = ScriptedServer.answer(try Sample.json(Sample.job()))
    let pieces = text.map { Step.send(String($0)) }
    try await ScriptedServer.with { _, _, _ in
      pieces
    } _: { server in
      let job = try await Self.client(server).job(5)
      #expect(job == Sample.job())
    }
  }

  @Test func asksAnewWhereAKeptConnectionHasEnded() async throws {
    let status = try Sample.json(Sample.status)
    try await ScriptedServer.with { connection, request, _ in
      connection == 1 && request == 2 ? [.close] : [.send(ScriptedServer.answer(status))]
    } _: { server in
      let client = Self.client(server)
      for _ in 0..<3 {
        let told = try await client.status()
        #expect(told == Sample.status)
      }
      #expect(server.connections == 2)
    }
  }

  @Test func submitsUnderItsKeyAndAgainWhenTheAnswerIsLost() async throws {
    let known = Submission(job: Sample.job(), repeated: true)
    let answer = ScriptedServer.answer(try Sample.json(known))
    try await ScriptedServer.with { connection, _, _ in
      connection == 1 ? [.close] : [.send(answer)]
    } _: { server in
      let submission = try await Self.client(server).submit(Sample.request, key: "k1")
      #expect(submission == known)
      #expect(server.requests.count == 2)
      for request in server.requests {
        #expect(request.contains("\r\nIdempotency-Key: k1\r\n"))
        #expect(request.contains("\r\nContent-Type: application/json\r\n"))
      }
    }
  }

  @Test func submitsOnceWithoutAKey() async throws {
    try await ScriptedServer.with { _, _, _ in
      [.close]
    } _: { server in
      await #expect(throws: DaemonClientError.self) {
        try await Self.client(server).submit(Sample.request, key: nil)
      }
      #expect(server.requests.count == 1)
    }
  }

  @Test func saysWhatTheDaemonRefuses() async throws {
    let problem =
      #"{"type":"about:blank","title":"Too many","detail":"full; wait","code":"queue-full"}"#
    try await ScriptedServer.with { _, _, _ in
      [
        .send(
          ScriptedServer.answer(
            problem, status: "429 Too Many Requests", type: "application/problem+json",
            headers: "Retry-After: 3\r\n"))
      ]
    } _: { server in
      let error = await #expect(throws: DaemonClientError.self) {
        try await Self.client(server).submit(Sample.request, key: "k")
      }
      #expect(error == .refused(Refusal(.queueFull, "full; wait", retryAfterSeconds: 3)))
      #expect(error?.exitCode == 75)
    }
  }

  @Test func namesThePathOfEveryQuestion() async throws {
    try await ScriptedServer.with { _, _, _ in
      [.send(ScriptedServer.answer("[]"))]
    } _: { server in
      let client = Self.client(server)
      // The answers fit one question only; what matters is what was asked.
      _ = try? await client.jobs(
        JobFilter(states: [.queued, .running], client: "a b", before: 9, limit: 3))
      _ = try? await client.act(.cancel, job: 5)
      _ = try? await client.setQueuePaused(true)
      _ = try? await client.setQueuePaused(false)
      _ = try? await client.events(after: 4, limit: 10)
      _ = try? await client.session("7f/3a")
      _ = try? await client.schedules()
      _ = try? await client.addSchedule(
        ScheduleRequest(cron: "0 3 * * *", name: "nightly", job: Sample.request))
      _ = try? await client.removeSchedule(2)
      _ = try? await client.obstacle()
      #expect(
        server.requests.map { String($0.prefix { $0 != "\r\n" }.dropLast(" HTTP/1.1".count)) } == [
          "GET /v1/jobs?limit=3&state=queued,running&client=a%20b&before=9",
          "POST /v1/jobs/5/cancel", "POST /v1/queue/pause", "POST /v1/queue/resume",
          "GET /v1/events?after=4&limit=10", "GET /v1/sessions/7f%2F3a", "GET /v1/schedules",
          "POST /v1/schedules", "DELETE /v1/schedules/2", "GET /readyz",
        ])
    }
  }

  @Test func tellsWhyItIsNotReady() async throws {
    let problem = #"{"detail":"the disk is full; make room","code":"store"}"#
    try await ScriptedServer.with { _, request, _ in
      [
        .send(
          request == 1
            ? ScriptedServer.answer("ok", type: "text/plain")
            : ScriptedServer.answer(problem, status: "503 Service Unavailable"))
      ]
    } _: { server in
      let client = Self.client(server)
      let (first, second) = (try await client.obstacle(), try await client.obstacle())
      #expect(first == nil)
      #expect(second == "the disk is full; make room")
    }
  }

  @Test func showsItsTokenOverLoopbackAndOnlyAsAPrivateFile() async throws {
    let status = try Sample.json(Sample.status)
    try await ScriptedServer.with(loopback: true) { _, _, _ in
      [.send(ScriptedServer.answer(status))]
    } _: { server in
      let told = try await Self.client(server).status()
      #expect(told == Sample.status)
      let request = try #require(server.requests.first)
      #expect(request.contains("Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n"))
      #expect(request.contains("\r\nHost: 127.0.0.1:"))
      let token = "\(server.folder)/token"
      for spoil in [
        { try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: token) },
        { try ScriptedServer.write("short\n", to: token, mode: 0o600) },
        {
          try FileManager.default.moveItem(atPath: token, toPath: token + "2")
          try FileManager.default.createSymbolicLink(
            atPath: token, withDestinationPath: token + "2")
        },
      ] {
        try spoil()
        let error = await #expect(throws: DaemonClientError.self) {
          try await Self.client(server).status()
        }
        #expect(error?.exitCode == 6)
      }
      #expect(server.requests.count == 1)
    }
  }

  @Test(arguments: [
    ("http://127.0.0.1:8080", "127.0.0.1"), ("http://localhost:8080/", "127.0.0.1"),
    ("http://[::1]:8080", "::1"), ("http://10.0.0.1:8080", nil), ("https://127.0.0.1:8080", nil),
    ("http://127.0.0.1:8080/v1", nil), ("http://127.0.0.1:0", nil), ("http://127.0.0.1", nil),
  ]) func takesNoAddressButLoopback(url: String, host: String?) {
    let wanted = host.map { DaemonAddress.loopback(host: $0, port: 8080, tokenFile: "t") }
    #expect(DaemonAddress.url(url, tokenFile: "t") == wanted)
  }
}
