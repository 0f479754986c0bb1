// Clients that take their time: closed, and nobody else waits for them.

import DaemonAPI
import Foundation
import Synchronization
import Testing

@testable import DaemonServer

struct SlowClientTests {
  @Test func closesAConnectionThatSaysNothing() async throws {
    try await withServer(adjust: .set(\.requestSeconds, 0.2)) { server in
      let wire = try await server.wire()
      #expect(try await wire.readToEnd() == "")
      #expect(server.figures.contains(#"greenbench_http_closed_total{reason="idle"} 1"#))
    }
  }

  @Test func closesAConnectionWhoseRequestComesByteByByte() async throws {
    try await withServer(adjust: .set(\.requestSeconds, 2)) { server in
      let wire = try await server.wire()
      await wire.send("GET /v1 HTTP/1.1\r\nX: ")
      // Each byte is progress, and none of them buys time: the server ends this loop.
      while await wire.send("x") { await Task.yield() }
      #expect(server.figures.contains(#"greenbench_http_closed_total{reason="slow-request"} 1"#))
    }
  }

  @Test func closesAConnectionWhoseBodyDoesNotCome() async throws {
    try await withServer(adjust: .set(\.requestSeconds, 0.2)) { server in
      let wire = try await server.wire()
      await wire.send(
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
          + "Content-Length: 100\r\n\r\n{")
      _ = try await wire.readToEnd()
      #expect(server.service.state.withLock { $0.jobs.isEmpty })
    }
  }

  @Test func closesAConnectionThatRestsTooLong() async throws {
    try await withServer(adjust: .set(\.idleSeconds, 0.2)) { server in
      let wire = try await server.wire()
      await wire.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try await wire.readToEnd().contains("200 OK"))
    }
  }

  @Test func closesAConnectionThatDoesNotRead() async throws {
    // More than the kernel holds for a socket.
    let service = FakeService(noteBytes: 8 << 20)
    try await withServer(service: service, adjust: .set(\.writeSeconds, 0.3)) { server in
      let wire = try await server.wire()
      await wire.send("GET /v1/sessions/7f3a HTTP/1.1\r\nHost: x\r\n\r\n")
      // To notice the close without taking anything, which would be progress.
      try await wire.awaitHangUp()
      let needle = #"greenbench_http_closed_total{reason="slow-reader"} 1"#
      #expect(server.figures.contains(needle))
      #expect(try await server.get("/healthz").status == 200)
    }
  }

  @Test func closesAConnectionWhoseBodyComesAfterItsRefusal() async throws {
    try await withServer(adjust: .set(\.idleSeconds, 0.2)) { server in
      let wire = try await server.wire()
      await wire.send(
        "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
          + "Content-Length: 2\r\n\r\n")
      #expect(try await wire.read(until: "}").contains(" 415 "))
      await wire.send("{}")
      #expect(try await wire.readToEnd() == "")
    }
  }

  @Test func closesAConnectionWhoseAnswerDoesNotCome() async throws {
    let service = FakeService()
    let (silence, end) = AsyncStream.makeStream(of: Void.self)
    service.state.withLock { $0.silence = silence }
    try await withServer(
      service: service,
      adjust: Change {
        $0.requestSeconds = 2
        $0.idleSeconds = 0.1
      }
    ) { server in
      let wire = try await server.wire()
      await wire.send("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try await wire.readToEnd() == "")
      #expect(server.figures.contains(#"greenbench_http_closed_total{reason="stalled"} 1"#))
      end.finish()
    }
  }

  @Test func holdsConnectionsBackThatAreTooMany() async throws {
    try await withServer(adjust: .set(\.connectionsMax, 2)) { server in
      let first = try await server.wire()
      await first.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
      _ = try await first.read(until: "ok\n")
      // The kernel takes all of them; the server answers when there is room.
      var waiting: [Wire] = []
      for _ in 0..<8 {
        let wire = try await server.wire()
        await wire.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        waiting.append(wire)
      }
      for wire in waiting { #expect(try await wire.readToEnd().contains("200 OK")) }
    }
  }

  @Test func endsAStreamWhoseReaderIsGone() async throws {
    try await withServer { server in
      let wire = try await server.wire()
      await wire.send("GET /v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n")
      _ = try await wire.read(until: "first")
      let source = try #require(server.service.state.withLock { $0.eventStreams.first })
      let (ends, end) = AsyncStream.makeStream(of: Void.self)
      source.onTermination = { _ in end.yield() }
      wire.finish()
      #expect(await ends.first { _ in true } != nil)
    }
  }
}
