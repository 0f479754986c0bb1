// Server-sent events, and how a server ends.

import DaemonAPI
import Foundation
import Reports
import ServiceLifecycle
import Synchronization
import Testing

@testable import DaemonServer

struct StreamTests {
  @Test func tellsAJobUntilItsEnd() async throws {
    try await withServer { server in
      _ = try await server.post("/v1/jobs", RouteTests.job)
      let wire = try await server.wire()
      await wire.send("GET /v1/jobs/1/updates HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      let begun = try await wire.read(until: "event: state\ndata: {")
      #expect(begun.contains("Content-Type: text/event-stream"))
      let updates = try #require(server.service.state.withLock { $0.streams.first })
      updates.yield(
        .progress(
          JobProgress(
            phase: "measuring", workload: "ring", backend: "asm", group: 1, groups: 1, block: 2,
            blocks: 8)))
      updates.yield(.block(BlockUpdate(group: 1, number: 2, rows: [])))
      updates.finish()
      let rest = try await wire.readToEnd()
      #expect(rest.contains("event: progress\ndata: {\"backend\":\"asm\""))
      #expect(rest.contains("event: block\ndata: {\"group\":1"))
      #expect(rest.hasSuffix("0\r\n\r\n"))
    }
  }

  @Test func goesOnAfterTheLastEventThatWasSeen() async throws {
    try await withServer { server in
      let wire = try await server.wire()
      await wire.send(
        "GET /v1/events/stream?after=3 HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 41\r\n\r\n")
      #expect(try await wire.read(until: "first").contains("id: 42\nevent: job-started\n"))
      #expect(
        try await server.get("/v1/events/stream", fields: "Last-Event-ID: x\r\n").status == 400)
    }
  }

  @Test func showsThatItLivesWhereNothingHappens() async throws {
    try await withServer(adjust: .set(\.pingSeconds, 0.05)) { server in
      let wire = try await server.wire()
      await wire.send("GET /v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try await wire.read(until: ": ping\n\n").contains(": ping"))
    }
  }

  /// Begins to listen to a job that ends with its client, and waits for the first update.
  private func own(_ server: RunningServer, query: String = "?cancel_on_close=true") async throws
    -> (Wire, AsyncStream<JobUpdate>.Continuation)
  {
    _ = try await server.post("/v1/jobs", RouteTests.job)
    let wire = try await server.wire()
    await wire.send("GET /v1/jobs/1/updates\(query) HTTP/1.1\r\nHost: x\r\n\r\n")
    _ = try await wire.read(until: "event: state\ndata: {")
    return (wire, try #require(server.service.state.withLock { $0.streams.first }))
  }

  @Test(.timeLimit(.minutes(1))) func cancelsAJobWhoseOwnerLeaves() async throws {
    try await withServer { server in
      let (wire, _) = try await own(server)
      wire.finish()
      while !server.service.isAsked("cancel 1"), !Task.isCancelled { await Task.yield() }
      #expect(server.service.isAsked("cancel 1"))
    }
  }

  @Test(.timeLimit(.minutes(1))) func cancelsAJobWhoseOwnerIsKilledWithUpdatesUnread() async throws
  {
    try await withServer { server in
      do {
        let (wire, updates) = try await own(server)
        updates.yield(.block(BlockUpdate(group: 1, number: 2, rows: [])))
        _ = wire
      }
      while !server.service.isAsked("cancel 1"), !Task.isCancelled { await Task.yield() }
      #expect(server.service.isAsked("cancel 1"))
    }
  }

  @Test(arguments: ["", "?cancel_on_close=false"])
  func leavesAJobAloneThatNobodyOwns(query: String) async throws {
    let service = FakeService()
    try await withServer(service: service) { server in
      let (wire, updates) = try await own(server, query: query)
      let (ends, end) = AsyncStream.makeStream(of: Void.self)
      updates.onTermination = { _ in end.yield() }
      wire.finish()
      _ = await ends.first { _ in true }
    }
    // Whatever the end of a connection does was done before the server's.
    #expect(!service.isAsked("cancel 1"))
  }

  @Test func leavesAJobAloneWhoseOwnerReadsTooSlowly() async throws {
    let service = FakeService()
    try await withServer(service: service, adjust: .set(\.writeSeconds, 0.2)) { server in
      let (wire, updates) = try await own(server)
      // More than the kernel holds for a socket.
      for number in 0..<10_000 {
        updates.yield(.block(BlockUpdate(group: 1, number: number, rows: [])))
      }
      try await wire.awaitHangUp()
      #expect(server.figures.contains(#"greenbench_http_closed_total{reason="slow-reader"} 1"#))
    }
    #expect(!service.isAsked("cancel 1"))
  }

  @Test func leavesAJobToTheNextDaemon() async throws {
    let service = FakeService()
    try await withServer(service: service) { server in
      let (wire, _) = try await own(server)
      await server.group.triggerGracefulShutdown()
      _ = try await wire.readToEnd()
    }
    #expect(!service.isAsked("cancel 1"))
  }

  @Test func leavesAJobAloneWhoseOwnerLeavesWhileTheServerDrains() async throws {
    let service = FakeService()
    let (begins, begin) = AsyncStream.makeStream(of: Void.self)
    let (leaves, leave) = AsyncStream.makeStream(of: Void.self)
    let hooks = Hooks(drain: { _ in
      begin.yield()
      _ = await leaves.first { _ in true }
    })
    try await withServer(service: service, hooks: hooks) { server in
      let (wire, updates) = try await own(server)
      updates.onTermination = { _ in leave.yield() }
      await server.group.triggerGracefulShutdown()
      _ = await begins.first { _ in true }
      wire.finish()
      _ = try await wire.readToEnd()
    }
    #expect(!service.isAsked("cancel 1"))
  }

  @Test func knowsTrueAndFalseOnly() async throws {
    try await withServer { server in
      _ = try await server.post("/v1/jobs", RouteTests.job)
      let reply = try await server.get("/v1/jobs/1/updates?cancel_on_close=yes")
      #expect(reply.status == 400)
      #expect(reply.body.contains("send true or false"))
    }
  }

  @Test func drainsBeforeItStopsAndEndsStreams() async throws {
    let flag = Flag()
    let hooks = Hooks(drain: { _ in flag.raise() })
    // Other tests keep the threads that would write the end, and the standard half second is soon over.
    let patient = Change { ($0.closingSeconds, $0.drainSeconds) = (20, 60) }
    try await withServer(hooks: hooks, adjust: patient) { server in
      let wire = try await server.wire()
      await wire.send("GET /v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n")
      _ = try await wire.read(until: "first")
      #expect(!flag.isUp)
      await server.group.triggerGracefulShutdown()
      #expect(try await wire.readToEnd().hasSuffix("0\r\n\r\n"))
      #expect(flag.isUp)
    }
  }

  @Test func doesNotWaitForWhatDoesNotEnd() async throws {
    let service = FakeService(noteBytes: 8 << 20)
    try await withServer(service: service, adjust: .set(\.drainSeconds, 1)) { server in
      let wire = try await server.wire()
      await wire.send("GET /v1/sessions/7f3a HTTP/1.1\r\nHost: x\r\n\r\n")
      _ = try await wire.read(until: "\r\n")
      // The rest is never read; the server stops all the same, or this test does not end.
      await server.group.triggerGracefulShutdown()
    }
  }

  @Test func handsFramesOverOneByOne() async {
    let relay = FrameRelay()
    let producer = Task {
      for number in 0..<100 {
        guard await relay.put("\(number)") else { return number }
      }
      relay.end(.told)
      return 100
    }
    var taken: [String] = []
    while let frame = await relay.take() { taken.append(frame) }
    #expect(taken == (0..<100).map(String.init))
    #expect(await producer.value == 100)
  }

  @Test func letsAProducerGoWhenNobodyReads() async {
    let relay = FrameRelay()
    let producer = Task {
      let first = await relay.put("a")
      let second = await relay.put("b")
      return first && second
    }
    #expect(await relay.take() == "a")
    relay.end(.stopped)
    #expect(await !producer.value)
    #expect(await relay.take() == nil)
  }
}

/// Something that happened.
final class Flag: Sendable {
  private let state = Mutex(false)
  var isUp: Bool { state.withLock { $0 } }
  func raise() { state.withLock { $0 = true } }
}
