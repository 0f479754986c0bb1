// Signals that come as soon as a daemon can be seen.

import Foundation
import Testing

struct EarlySignalTests {
  /// Once or twice would not meet the moment: without the trap, two of three die here.
  @Test(arguments: [SIGTERM, SIGHUP])
  func aSignalAtItsFirstMomentIsHeard(signal: Int32) throws {
    for _ in 0..<5 {
      let commands = try CommandTests()
      defer { commands.remove() }
      let started = try commands.start(["daemon", "run"])
      let socket = commands.folder.appending(path: "daemon.sock").path
      while !FileManager.default.fileExists(atPath: socket), started.0.isRunning {}
      kill(started.0.processIdentifier, signal)
      // It ends by the first, and goes on after the second until it is asked to end.
      if signal != SIGTERM { kill(started.0.processIdentifier, SIGTERM) }
      let outcome = try commands.end(started)
      #expect(started.0.terminationReason == .exit, "signal \(outcome.status)")
      #expect(outcome.status == 0, "\(outcome.complaint)")
    }
  }

  /// The kernel's "die with the parent" is one thread's: it has to outlive the daemon's own start.
  @Test func whoIsToDieWithItsParentDoes() throws {
    let commands = try CommandTests()
    defer { commands.remove() }
    let socket = commands.folder.appending(path: "daemon.sock").path
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    // The shell ends once the socket is there.
    let script = """
      setpriv --pdeathsig KILL "$0" daemon run >/dev/null 2>&1 & echo $!
      until [ -S '\(socket)' ] || ! kill -0 $!; do :; done
      """
    shell.arguments = ["-c", script, CommandTests.program.path]
    shell.environment = [
      "GREENBENCH_DB": commands.store, "GREENBENCH_RUNTIME_DIR": commands.folder.path,
      "PATH": "/usr/bin:/bin",
    ]
    let output = Pipe()
    shell.standardOutput = output
    try shell.run()
    let told = try output.fileHandleForReading.readToEnd() ?? Data()
    shell.waitUntilExit()
    let pid = try #require(
      String(decoding: told, as: UTF8.self).split(separator: "\n").first.flatMap { Int32($0) })
    #expect(FileManager.default.fileExists(atPath: socket), "it did not begin")
    let deadline = ContinuousClock.now + .seconds(20)
    while isAlive(pid), ContinuousClock.now < deadline { usleep(10_000) }
    #expect(!isAlive(pid))
    kill(pid, SIGKILL)
  }

  /// Whether it is there and does not only wait for somebody to ask for its end.
  private func isAlive(_ pid: Int32) -> Bool {
    // One that is gone has no file.
    let facts = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    return facts?.contains("State:\tZ") == false
  }
}
