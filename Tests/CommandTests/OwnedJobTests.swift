// A job of the daemon whose `run` is killed: it ends with it.

import Foundation
import Testing

struct OwnedJobTests {
  @Test(.timeLimit(.minutes(2))) func aJobEndsWithTheRunThatWasKilled() async throws {
    let commands = try CommandTests()
    defer { commands.remove() }
    let environment = ["GREENBENCH_DAEMON": "on", "XDG_STATE_HOME": commands.folder.path]
    func greenbench(_ arguments: String...) throws -> CommandTests.Outcome {
      try commands.end(commands.start(arguments, environment: environment))
    }
    let started = try greenbench("daemon", "start")
    try #require(started.status == 0, "\(started.complaint)")
    // Whatever happens in between, no daemon is left behind.
    defer { _ = try? greenbench("daemon", "stop") }

    let run = try commands.start(
      ["run", "ping-pong", "--blocks", "200"], environment: environment)
    while try !greenbench("queue", "ls", "--state", "running").output.contains("ping-pong"),
      run.0.isRunning
    {
      await Task.yield()
    }
    kill(run.0.processIdentifier, SIGKILL)
    run.0.waitUntilExit()
    let attached = try greenbench("attach", "1")
    #expect(attached.status == 130, "\(attached.output)\n\(attached.complaint)")
    let listed = try greenbench("queue", "ls", "--state", "cancelled")
    #expect(listed.output.contains("ping-pong"), "\(listed.output)")
  }
}
