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
}
