// A daemon's first moments: signals, who it dies with, and how it is given memory.

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
      for turn in $(seq 400); do [ -S '\(socket)' ] && exit; sleep 0.05; done
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
    let isGone = ProcessFiles.isGoneSoon(pid)
    #expect(isGone)
    if !isGone { kill(pid, SIGKILL) }
  }

  #if GB_JEMALLOC
    /// Workers are measured as the library is used.
    @Test(arguments: [nil, "narenas:3"])
    func theDaemonHasAnAllocatorOfItsOwn(given: String?) throws {
      let commands = try CommandTests()
      defer { commands.remove() }
      let daemon = try commands.start(
        ["daemon", "run"], environment: given.map { ["MALLOC_CONF": $0] } ?? [:])
      let pid = daemon.0.processIdentifier
      defer {
        kill(pid, SIGTERM)
        daemon.0.waitUntilExit()
      }
      let child = try #require(ProcessFiles.awaitChild(of: pid, calledWith: "worker"))
      let ours = "narenas:1,tcache:false,slab_sizes:1-512:1"
      #expect(setting(of: pid) == given.map { "\(ours),\($0)" } ?? ours)
      #expect(setting(of: child) == given)
    }

    private func setting(of pid: Int32) -> String? {
      ProcessFiles.words("environ", of: pid).first { $0.hasPrefix("MALLOC_CONF=") }
        .map { String($0.dropFirst("MALLOC_CONF=".count)) }
    }
  #endif
}
