// What a client says when the other end is not there, not ours, silent, or talks nonsense.

import DaemonAPI
import DaemonTestKit
import Foundation
import Testing

@testable import DaemonClient

struct FaultTests {
  private func error(at path: String) async -> DaemonClientError? {
    await #expect(throws: DaemonClientError.self) {
      var limits = ClientLimits()
      limits.deadline = .seconds(300)
      return try await DaemonClient(.socket(path: path), limits: limits).status()
    }
  }

  /// A folder of this test's own, removed after it.
  private func inFolder(_ body: (String) async throws -> Void) async throws {
    let folder = try ScriptedServer.makeFolder()
    do {
      try await body(folder)
    } catch {
      try FileManager.default.removeItem(atPath: folder)
      throw error
    }
    try FileManager.default.removeItem(atPath: folder)
  }

  @Test func nobodyIsThereWithoutASocketAndAtADeadOne() async throws {
    try await inFolder { folder in
      let path = "\(folder)/daemon.sock"
      #expect(await error(at: path) == .notRunning(place: path))
      #expect(await error(at: "\(folder)/none/daemon.sock")?.exitCode == 70)
    }
    let server = try await ScriptedServer { _, _, _ in [] }
    let path = "\(server.folder)/daemon.sock"
    // What a killed daemon leaves behind: a socket without a listener.
    try FileManager.default.linkItem(atPath: path, toPath: path + "2")
    try await server.stop(keepingFolder: true)
    try FileManager.default.moveItem(atPath: path + "2", toPath: path)
    // A process that another test is starting may still have the listener for a moment: then it is
    // there and says nothing, which ends with the same code.
    #expect(await error(at: path)?.exitCode == 70)
    try FileManager.default.removeItem(atPath: server.folder)
  }

  @Test func aFolderThatOthersMayEnterIsNotTrusted() async throws {
    try await ScriptedServer.with { _, _, _ in
      []
    } _: { server in
      for mode in [0o750, 0o701, 0o777] {
        try FileManager.default.setAttributes(
          [.posixPermissions: mode], ofItemAtPath: server.folder)
        #expect(await error(at: "\(server.folder)/daemon.sock")?.exitCode == 6)
      }
      #expect(server.connections == 0)
    }
  }

  @Test func whatIsNoSocketIsNotTrusted() async throws {
    try await ScriptedServer.with { _, _, _ in
      []
    } _: { server in
      let folder = server.folder
      try ScriptedServer.write("", to: "\(folder)/file", mode: 0o600)
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/link", withDestinationPath: "\(folder)/daemon.sock")
      for name in ["file", "link"] {
        #expect(
          await error(at: "\(folder)/\(name)")
            == .forbidden(place: "\(folder)/\(name)", reason: "is no socket"))
      }
      let link = "\(folder)-link"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: folder)
      #expect(await error(at: "\(link)/daemon.sock")?.exitCode == 6)
      try FileManager.default.removeItem(atPath: link)
      #expect(server.connections == 0)
    }
  }

  @Test(
    .enabled(if: geteuid() == 0, "only the superuser can give a file away"))
  func aSocketOfAnotherUserIsNotTrusted() async throws {
    try await ScriptedServer.with { _, _, _ in
      []
    } _: { server in
      let path = "\(server.folder)/daemon.sock"
      try FileManager.default.setAttributes([.ownerAccountID: 65534], ofItemAtPath: path)
      #expect(
        await error(at: path) == .forbidden(place: path, reason: "belongs to another user"))
      #expect(server.connections == 0)
    }
  }

  @Test func aSilentDaemonIsGivenUpAtTheDeadline() async throws {
    // Not a word; half a head; half a body.
    let silences: [[Step]] = [
      [], [.send("HTTP/1.1 200 OK\r\nConte")],
      [.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")],
    ]
    for steps in silences {
      try await ScriptedServer.with { _, _, _ in
        steps
      } _: { server in
        let client = QuestionTests.client(server) { $0.deadline = .milliseconds(50) }
        let error = await #expect(throws: DaemonClientError.self) { try await client.status() }
        #expect(error == .timedOut(place: client.place, seconds: 0.05))
        #expect(error?.exitCode == 70)
      }
    }
  }

  @Test(arguments: [
    "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
  ]) func aConnectionThatBreaksIsReported(text: String) async throws {
    try await ScriptedServer.with { _, _, _ in
      [.send(text), .close]
    } _: { server in
      let error = await #expect(throws: DaemonClientError.self) {
        try await QuestionTests.client(server).status()
      }
      guard case .unreachable = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(error?.exitCode == 70)
    }
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 banana\r\n\r\n", ScriptedServer.answer("[1, 2]"),
    ScriptedServer.answer("{"), ScriptedServer.answer("oops", status: "500 Oops"),
    ScriptedServer.answer(#"{"code":"no such"}"#, status: "400 Bad"),
  ]) func garbageIsNonsense(text: String) async throws {
    try await ScriptedServer.with { _, _, _ in
      [.send(text), .close]
    } _: { server in
      let error = await #expect(throws: DaemonClientError.self) {
        try await QuestionTests.client(server).status()
      }
      guard case .nonsense = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(error?.exitCode == 1)
    }
  }

  @Test func aGiantAnswerIsNotKept() async throws {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    try await ScriptedServer.with { _, _, _ in
      [.send(head), .flood(1 << 20)]
    } _: { server in
      let client = QuestionTests.client(server) { $0.answerBytesMax = 1 << 16 }
      let error = await #expect(throws: DaemonClientError.self) { try await client.status() }
      guard case .nonsense = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test(arguments: [
    DaemonClientError.notRunning(place: "/s"), .unreachable(place: "/s", reason: "broke"),
    .forbidden(place: "/s", reason: "is no socket"), .nonsense(place: "/s", reason: "status 500"),
    .timedOut(place: "/s", seconds: 10),
  ]) func sentencesHaveAMend(error: DaemonClientError) {
    #expect("\(error)".contains("; ") && !"\(error)".contains("\n"))
  }
}
