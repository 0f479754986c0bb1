// What each path of the API answers.

import DaemonAPI
import Foundation
import Reports
import Synchronization
import Testing

@testable import DaemonServer

struct RouteTests {
  static let job = #"{"scenario":{"workload":"ring"}}"#

  @Test func answersWhatIsHere() async throws {
    try await withServer { server in
      let reply = try await server.get("/v1")
      #expect(reply.status == 200)
      #expect(reply.body.contains(#""version":"9.9.9""#))
      #expect(reply.field("Server") == "greenbench")
      #expect(reply.field("Cache-Control") == "no-store")
      #expect(reply.field("Content-Type") == "application/json")
    }
  }

  @Test func answersItsStatus() async throws {
    try await withServer { server in
      let status = try await server.get("/v1/status").json(DaemonStatus.self)
      #expect(await status == server.service.status())
    }
  }

  @Test func takesAJobAndNamesItsPlace() async throws {
    try await withServer { server in
      let reply = try await server.post("/v1/jobs", Self.job)
      #expect(reply.status == 201)
      #expect(reply.field("Location") == "/v1/jobs/1")
      let submission = try reply.json(Submission.self)
      #expect(submission.job.client == "uid:\(SystemCalls.user)")
      #expect(try await server.get("/v1/jobs/1").json(Job.self) == submission.job)
    }
  }

  @Test func takesARepeatedJobOnce() async throws {
    try await withServer { server in
      let field = "Idempotency-Key: k1\r\n"
      #expect(try await server.post("/v1/jobs", Self.job, fields: field).status == 201)
      let second = try await server.post("/v1/jobs", Self.job, fields: field)
      #expect(second.status == 200)
      #expect(try second.json(Submission.self).repeated)
    }
  }

  @Test func passesRefusalsOnWithTheirStatus() async throws {
    try await withServer { server in
      let unknown = try await server.post("/v1/jobs", #"{"scenario":{"workload":"none"}}"#)
      #expect(unknown.status == 422)
      #expect(unknown.field("Content-Type") == "application/problem+json")
      #expect(unknown.body.contains(#""code":"scenario""#))
      #expect(unknown.body.contains("there are ping-pong, ring"))
      let full = try await server.post("/v1/jobs", #"{"scenario":{"workload":"full"}}"#)
      #expect(full.status == 429)
      #expect(full.field("Retry-After") == "7")
      #expect(try await server.get("/v1/jobs/9").status == 404)
    }
  }

  @Test func listsJobsByTheQuery() async throws {
    try await withServer { server in
      let reply = try await server.get(
        "/v1/jobs?state=queued,running&client=a%20b&before=9&limit=3")
      #expect(reply.status == 200)
      #expect(
        server.service.state.withLock { $0.asked } == [#"jobs ["queued", "running"] a b 9 3"#])
    }
  }

  @Test func actsOnJobs() async throws {
    try await withServer { server in
      _ = try await server.post("/v1/jobs", Self.job)
      let cancelled = try await server.get("/v1/jobs/1/cancel", method: "POST")
      #expect(try cancelled.json(Job.self).state == .cancelled)
      let paused = try await server.get("/v1/jobs/1/pause", method: "POST")
      #expect(try paused.json(Job.self).state == .paused)
      #expect(try await server.get("/v1/jobs/1/resume", method: "POST").status == 409)
    }
  }

  @Test func pausesAndResumesTheQueue() async throws {
    try await withServer { server in
      let paused = try await server.get("/v1/queue/pause", method: "POST")
      #expect(try paused.json(DaemonStatus.self).state == .paused)
      let resumed = try await server.get("/v1/queue/resume", method: "POST")
      #expect(try resumed.json(DaemonStatus.self).state == .idle)
    }
  }

  @Test func pagesEvents() async throws {
    try await withServer { server in
      let page = try await server.get("/v1/events?after=5&limit=1").json(EventPage.self)
      #expect(page.next == 6)
    }
  }

  @Test func keepsSchedules() async throws {
    try await withServer { server in
      let body = #"{"cron":"0 3 * * *","name":"nightly","job":\#(Self.job)}"#
      let added = try await server.post("/v1/schedules", body)
      #expect(added.status == 201)
      #expect(added.field("Location") == "/v1/schedules/1")
      #expect(try await server.get("/v1/schedules").json([Schedule].self).count == 1)
      let never = body.replacing("0 3 * * *", with: "never")
      #expect(try await server.post("/v1/schedules", never).status == 422)
      let removed = try await server.get("/v1/schedules/1", method: "DELETE")
      #expect(removed.status == 204)
      #expect(removed.field("Content-Length") == nil)
      #expect(try await server.get("/v1/schedules/2", method: "DELETE").status == 404)
    }
  }

  @Test func findsSessions() async throws {
    try await withServer { server in
      let report = try await server.get("/v1/sessions/7F3A").json(RunReport.self)
      #expect(report.session == "7f3a0c12")
      #expect(try await server.get("/v1/sessions/zz").status == 404)
      #expect(try await server.get("/v1/sessions/00").status == 404)
    }
  }

  @Test func answersProbes() async throws {
    try await withServer { server in
      #expect(try await server.get("/healthz").body == "ok\n")
      #expect(try await server.get("/readyz").status == 200)
      server.service.state.withLock { $0.obstacle = "the disk is full; free some of it" }
      let reply = try await server.get("/readyz")
      #expect(reply.status == 503)
      #expect(reply.body.contains("the disk is full"))
    }
  }

  @Test func namesTheMethodsOfAPath() async throws {
    try await withServer { server in
      let reply = try await server.get("/v1/jobs", method: "DELETE")
      #expect(reply.status == 405)
      #expect(reply.field("Allow") == "GET, POST")
      #expect(try await server.get("/v1/status", method: "OPTIONS").status == 405)
      #expect(try await server.get("/v1/nothing").status == 404)
    }
  }

  @Test func keepsAConnectionForTheNextRequest() async throws {
    try await withServer { server in
      let wire = try await server.wire()
      for _ in 0..<3 {
        await wire.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try await wire.read(until: "ok\n").contains("200 OK"))
      }
    }
  }

  @Test func answersPipelinedRequestsInTheirOrder() async throws {
    try await withServer { server in
      let reply = try await server.ask(
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/jobs/5 HTTP/1.1\r\nHost: x\r\n\r\n"
          + "GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      let text = reply.description
      let places = ["200 OK", "404 Not Found", #""api":"v1""#].map {
        text.range(of: $0)?.lowerBound
      }
      let found = places.compactMap { $0 }
      #expect(found.count == 3)
      #expect(found == found.sorted())
    }
  }

  @Test func asksForABodyThatWaitsToBeAskedFor() async throws {
    try await withServer { server in
      let wire = try await server.wire()
      await wire.send(
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
          + "Content-Length: \(Self.job.utf8.count)\r\nExpect: 100-continue\r\n"
          + "Connection: close\r\n\r\n")
      #expect(try await wire.read(until: "\r\n\r\n").contains("100 Continue"))
      await wire.send(Self.job)
      #expect(try await wire.readToEnd().contains("201 Created"))
    }
  }
}
