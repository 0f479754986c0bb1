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

  @Test func drainsBeforeItStopsAndEndsStreams() async throws {
    let flag = Flag()
    try await withServer(hooks: Hooks(drain: { _ in flag.raise() })) { server in
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
      relay.end()
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
    relay.end()
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
