// A child process and its three pipes: what it inherits, how it ends, and why it could not be started.

import Foundation
import Glibc
import Testing

@testable import Executor

@Suite("A child process")
struct ChildProcessTests {
  /// All that becomes of a shell's script.
  private func pieces(
    _ path: String, _ arguments: [String], talk: (ChildProcess) throws -> Void = { _ in }
  ) async throws -> [ChildProcess.Piece] {
    let (stream, told) = AsyncStream.makeStream(of: ChildProcess.Piece.self)
    let child = ChildProcess(path, arguments: arguments, lineBytesMax: 100) { piece in
      told.yield(piece)
      switch piece {
      case .ended, .couldNotStart: told.finish()
      default: break
      }
    }
    var all: [ChildProcess.Piece] = []
    for await piece in stream {
      all.append(piece)
      if case .started = piece { try talk(child) }
    }
    return all
  }

  private func lines(_ pieces: [ChildProcess.Piece]) -> [String] {
    pieces.compactMap { if case .line(let line) = $0 { line } else { nil } }
  }

  @Test("It has three descriptors, whatever its parent has")
  func inheritsNothing() async throws {
    let open = fcntl(STDERR_FILENO, F_DUPFD, 100)
    defer { close(open) }
    #expect(open >= 100)
    // `ls` has the folder open, too.
    let pieces = try await pieces("/bin/sh", ["-c", "exec ls /proc/self/fd"])
    #expect(lines(pieces) == ["0", "1", "2", "3"])
  }

  @Test("No signal is blocked in it, and it leads a group of its own")
  func signals() async throws {
    let script = "grep SigBlk /proc/self/status; ps -o pgid= -p $$ | tr -d ' '; echo $$"
    let lines = lines(try await pieces("/bin/sh", ["-c", script]))
    #expect(lines.first == "SigBlk:\t0000000000000000")
    #expect(lines.count == 3 && lines[1] == lines[2])
  }

  @Test("What it reads is what was written, until the end")
  func reads() async throws {
    let pieces = try await pieces("/bin/sh", ["-c", "cat; echo end >&2; exit 3"]) { child in
      try child.write("one\ntwo")
      child.closeInput()
      #expect(throws: SpawnedProcess.Failure.self) { try child.write("three") }
    }
    #expect(lines(pieces) == ["one", "two"])
    guard case .ended(let ending) = pieces.last else {
      Issue.record("no end: \(pieces)")
      return
    }
    #expect(ending == .exited(3))
    let complaints = pieces.contains { if case .complaint("end") = $0 { true } else { false } }
    #expect(complaints)
  }

  @Test("What is written before it has started is not lost")
  func writesEarly() async throws {
    let (stream, told) = AsyncStream.makeStream(of: String.self)
    let child = ChildProcess("/bin/cat", arguments: [], lineBytesMax: 100) { piece in
      switch piece {
      case .line(let line): told.yield(line)
      case .ended, .couldNotStart: told.finish()
      default: break
      }
    }
    try child.write("early\n")
    child.closeInput()
    var lines: [String] = []
    for await line in stream { lines.append(line) }
    #expect(lines == ["early"])
  }

  @Test("Without an end, a line is not read to it")
  func longLine() async throws {
    let pieces = try await pieces("/bin/sh", ["-c", "head -c 101 /dev/zero"])
    #expect(pieces.contains { if case .lineTooLong = $0 { true } else { false } })
    #expect(lines(pieces) == [])
  }

  @Test(
    "What could not be started says why",
    arguments: [
      ("/nowhere/at/all", "there is no such file"), ("/etc/passwd", "it may not be executed"),
      // A folder may be executed, in a sense.
      ("/", "\(POSIXErrorCode.EACCES)"),
    ])
  func notStarted(path: String, why: String) async throws {
    let pieces = try await pieces(path, [])
    guard pieces.count == 1, case .couldNotStart(let reason) = pieces[0] else {
      Issue.record("it was started: \(pieces)")
      return
    }
    #expect(reason == why)
  }

  @Test("Neither a start nor a start that fails leaves a descriptor")
  func leavesNothing() async throws {
    // Other tests open and close theirs meanwhile: a leak of each start would outgrow them.
    let before = try openCount()
    for _ in 0..<200 {
      _ = try await pieces("/bin/sh", ["-c", "exit"])
      _ = try await pieces("/nowhere", [])
    }
    #expect(try openCount() < before + 200)
  }

  private func openCount() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
  }
}
