// The daemon's session in README.md, line by line, as a reader would type it.

import Foundation
import Testing

struct ReadmeDaemonTests {
  /// The commands of the session: lines that begin with a prompt.
  private func session() throws -> [String] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
    let block = try #require(text.firstMatch(of: /```console\n(?<lines>(?s:.*?))```/))
    return block.lines.split(separator: "\n").compactMap {
      $0.hasPrefix("$ ") ? String($0.dropFirst(2)) : nil
    }
  }

  @Test func theSessionOfTheReadmeWorks() throws {
    let commands = try CommandTests()
    defer { commands.remove() }
    let scripts = commands.folder.appending(path: "scripts")
    try FileManager.default.createDirectory(at: scripts, withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      at: scripts.appending(path: "greenbench"), withDestinationURL: CommandTests.program)
    let lines = try session()
    #expect(lines.count == 10)
    // Whatever happens in between, no daemon is left behind.
    defer { _ = try? bash("scripts/greenbench daemon stop", commands) }
    for line in lines {
      let outcome = try bash(line, commands)
      #expect(outcome.status == 0, "\(line)\n\(outcome.output)\n\(outcome.complaint)")
    }
    let stopped = try bash("scripts/greenbench daemon status", commands)
    #expect(stopped.status == 70)
  }

  private func bash(_ line: String, _ commands: CommandTests) throws -> CommandTests.Outcome {
    let (process, output, complaint) = (Process(), Pipe(), Pipe())
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = ["-c", line]
    process.currentDirectoryURL = commands.folder
    process.environment = [
      "GREENBENCH_RUNTIME_DIR": commands.folder.appending(path: "run").path,
      "XDG_STATE_HOME": commands.folder.path, "HOME": commands.folder.path,
      "PATH": "/usr/bin:/bin",
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = complaint
    try process.run()
    return try commands.end((process, output, complaint))
  }
}
