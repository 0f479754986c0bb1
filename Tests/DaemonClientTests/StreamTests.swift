// What a client's streams promise: order, resumption, and an end.

import DaemonAPI
import DaemonTestKit
import Foundation
import Testing

@testable import DaemonClient

struct StreamTests {
  private func impatient(
    _ server: ScriptedServer, silence: Duration = .seconds(300)
  ) -> DaemonClient {
    QuestionTests.client(server) {
      $0.resumptionPause = .milliseconds(1)
      $0.resumptionsMax = 3
      $0.silence = silence
    }
  }

  private func chunks(_ text: String, of length: Int) -> [Step] {
    let letters = Array(text)
    return stride(from: 0, to: letters.count, by: length).map {
      .send(ScriptedServer.chunk(String(letters[$0..<min($0 + length, letters.count)])))
    }
  }

  @Test(arguments: [1, 7, 1000]) func aJobIsToldToItsEnd(length: Int) async throws {
    let frames = [
      try Sample.frame("state", Sample.job(.running)), ": ping\n\n",
      try Sample.frame("progress", Sample.progress), try Sample.frame("of-a-later-version", 1),
      try Sample.frame("block", BlockUpdate(group: 1, number: 0, rows: [])),
      try Sample.frame("state", Sample.job(.done, exit: 0)),
    ]
    let steps = [.send(ScriptedServer.streamHead)] + chunks(frames.joined(), of: length)
    // The end of the stream is left out: the final state says it.
    try await ScriptedServer.with { _, _, _ in
      steps
    } _: { server in
      var updates: [JobUpdate] = []
      for try await update in impatient(server).updates(job: 5) { updates.append(update) }
      #expect(
        updates == [
          .state(Sample.job(.running)), .progress(Sample.progress),
          .block(BlockUpdate(group: 1, number: 0, rows: [])),
          .state(Sample.job(.done, exit: 0)),
        ])
      #expect(server.requests.count == 1)
      #expect(server.requests[0].hasPrefix("GET /v1/jobs/5/updates HTTP/1.1\r\n"))
    }
  }

  @Test func aLostStreamIsTakenUpFromTheLastWholeEvent() async throws {
    let first = try Sample.frame("event", Sample.event(4), id: 4)
    let second = try Sample.frame("event", Sample.event(5), id: 5)
    try await ScriptedServer.with { connection, _, _ in
      switch connection {
      case 1:
        // Half of the second event comes, and nothing more.
        [
          .send(ScriptedServer.streamHead), .send(ScriptedServer.chunk(first)),
          .send(ScriptedServer.chunk(String(second.dropLast(20)))), .close,
        ]
      case 2: [.close]
      default:
        [
          .send(ScriptedServer.streamHead), .send(ScriptedServer.chunk(second)),
          .send(ScriptedServer.streamEnd),
        ]
      }
    } _: { server in
      var events: [DaemonEvent] = []
      for try await event in impatient(server).eventStream(after: 3) { events.append(event) }
      #expect(events == [Sample.event(4), Sample.event(5)])
      #expect(server.requests.count == 3)
      #expect(server.requests[0].hasPrefix("GET /v1/events/stream?after=3 "))
      for request in server.requests.dropFirst() {
        #expect(request.hasPrefix("GET /v1/events/stream?after=4 "))
        #expect(request.contains("\r\nLast-Event-ID: 4\r\n"))
      }
    }
  }

  @Test func aJobsStreamThatEndsTooEarlyIsTakenUpAgain() async throws {
    let running = try Sample.frame("state", Sample.job(.running))
    let done = try Sample.frame("state", Sample.job(.done, exit: 3))
    try await ScriptedServer.with { connection, _, _ in
      [
        .send(ScriptedServer.streamHead),
        .send(ScriptedServer.chunk(connection == 1 ? running : done)),
        .send(ScriptedServer.streamEnd),
      ]
    } _: { server in
      var updates: [JobUpdate] = []
      for try await update in impatient(server).updates(job: 5) { updates.append(update) }
      #expect(updates == [.state(Sample.job(.running)), .state(Sample.job(.done, exit: 3))])
    }
  }

  @Test func aSilentStreamIsTakenUpAgainAndGivenUpAtLast() async throws {
    let running = try Sample.frame("state", Sample.job(.running))
    try await ScriptedServer.with { connection, _, _ in
      connection == 1
        ? [.send(ScriptedServer.streamHead), .send(ScriptedServer.chunk(running))] : [.close]
    } _: { server in
      var updates: [JobUpdate] = []
      let error = await #expect(throws: DaemonClientError.self) {
        let client = impatient(server, silence: .milliseconds(500))
        for try await update in client.updates(job: 5) { updates.append(update) }
      }
      #expect(updates == [.state(Sample.job(.running))])
      #expect(error?.exitCode == 70)
      // The first one, and as many as the client tries.
      #expect(server.connections == 1 + 3)
    }
  }

  @Test func aRefusedStreamIsNotAskedForAgain() async throws {
    let problem = #"{"detail":"no job 5; see `greenbench queue ls`","code":"not-found"}"#
    try await ScriptedServer.with { _, _, _ in
      [.send(ScriptedServer.answer(problem, status: "404 Not Found"))]
    } _: { server in
      let error = await #expect(throws: DaemonClientError.self) {
        for try await _ in impatient(server).updates(job: 5) {}
      }
      #expect(error == .refused(Refusal(.notFound, "no job 5; see `greenbench queue ls`")))
      #expect(server.connections == 1)
    }
  }

  @Test func somebodyWhoWasNeverThereIsNotWaitedFor() async throws {
    let client = DaemonClient(.socket(path: "/nonexistent/daemon.sock"))
    let error = await #expect(throws: DaemonClientError.self) {
      for try await _ in client.eventStream(after: 0) {}
    }
    #expect(error == .notRunning(place: "/nonexistent/daemon.sock"))
  }

  @Test func anEndlessEventIsNonsense() async throws {
    try await ScriptedServer.with { _, _, _ in
      [
        .send(ScriptedServer.streamHead), .send("100000\r\n"), .flood(0x100000), .send("\r\n"),
      ]
    } _: { server in
      let client = QuestionTests.client(server) { $0.answerBytesMax = 1 << 16 }
      let error = await #expect(throws: DaemonClientError.self) {
        for try await _ in client.updates(job: 5) {}
      }
      #expect(error?.exitCode == 1)
    }
  }

  @Test func aCancelledReaderEnds() async throws {
    let running = try Sample.frame("state", Sample.job(.running))
    try await ScriptedServer.with { _, _, _ in
      [.send(ScriptedServer.streamHead), .send(ScriptedServer.chunk(running))]
    } _: { server in
      let client = QuestionTests.client(server)
      let (began, continuation) = AsyncStream.makeStream(of: Void.self)
      let reader = Task {
        for try await _ in client.updates(job: 5) { continuation.yield() }
      }
      for await _ in began { break }
      reader.cancel()
      // Whether it ends with an error or without one, it ends.
      _ = await reader.result
    }
  }
}
