// A child process and its three pipes: what it inherits, how it ends, and why it could not be started.

import Foundation
import Glibc
import Synchronization
import Testing
import Threads

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

  @Test("No signal is blocked in it, SIGPIPE ends it, and it leads a group of its own")
  func signals() async throws {
    _ = signal(SIGPIPE, SIG_IGN)
    let died = try await pieces("/bin/sh", ["-c", "kill -PIPE $$; echo alive"])
    #expect(lines(died) == [])
    let script = "grep SigBlk /proc/self/status; cut -d' ' -f5 /proc/$$/stat; echo $$"
    let lines = lines(try await pieces("/bin/sh", ["-c", script]))
    #expect(lines.first == "SigBlk:\t0000000000000000")
    #expect(lines.count == 3 && lines[1] == lines[2])
  }

  @Test("What it reads is what was written, until the end")
  func reads() async throws {
    let pieces = try await pieces("/bin/sh", ["-c", "cat; echo end >&2; exit 3"]) { child in
      try child.write("one\ntwo")
      child.closeInput()
      #expect(throws: SystemFailure.self) { try child.write("three") }
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

  @Test("What is written before anybody reads waits, and closing it closes it once")
  func writesEarly() throws {
    let input = PipeInput()
    try input.write("early")
    input.close()
    let reading = try input.takeReadingEnd()
    let end = FileHandle(fileDescriptor: reading, closeOnDealloc: true)
    #expect(try end.readToEnd() == Data("early".utf8))
    #expect(throws: SystemFailure.self) { try input.write("late") }
    #expect(throws: SystemFailure.self) { _ = try input.takeReadingEnd() }
    input.close()
  }

  @Test("A signal reaches it only as long as its number is its own")
  func signalsWhileItIsThere() async throws {
    let input = PipeInput()
    let process = try SpawnedProcess("/bin/cat", arguments: [], environment: [], input: input)
    process.signal(SIGTERM)
    // It has ended and is not reaped: the number is still its own, and a signal is taken and does nothing.
    for _ in 0..<2 { #expect(process.wait() == .signalled(SIGTERM)) }
    #expect(kill(process.pid, 0) == 0)
    process.reap()
    #expect(kill(process.pid, 0) == -1)
    #expect(process.wait() == .exited(-1), "nobody can tell it again, and that is no good end")
    process.signal(SIGTERM)
    for end in [process.output, process.errors] { close(end) }
  }

  @Test("Its end is told before its number is given back, which may take the kernel long")
  func tellsItsEndFirst() async {
    let (ends, told) = AsyncStream.makeStream(of: Bool.self)
    let number = Mutex<Int32>(0)
    let child = ChildProcess("/bin/sh", arguments: ["-c", "exit 3"], lineBytesMax: 100) { piece in
      switch piece {
      case .started(let process): number.withLock { $0 = process.pid }
      case .ended(.exited(3)): told.yield(kill(number.withLock { $0 }, 0) == 0)
      default:
        Issue.record("\(piece)")
        told.finish()
      }
    }
    for await isThere in ends {
      #expect(isThere)
      break
    }
    child.closeInput()
    // Nobody tells when it is reaped.
    let (pid, end) = (number.withLock { $0 }, ContinuousClock.now + .seconds(60))
    while kill(pid, 0) == 0, ContinuousClock.now < end { sched_yield() }
    #expect(kill(pid, 0) == -1)
  }

  @Test("One that has left its group is ended, too")
  func endsWhatLeftItsGroup() throws {
    let input = PipeInput()
    // If it is not ended, it ends by itself a minute later, and well.
    let script = "$| = 1; setpgrp(0, getpgrp(getppid())) and print '.'; sleep 60"
    let process = try SpawnedProcess(
      "/usr/bin/perl", arguments: ["-e", script], environment: [], input: input)
    #expect(try FileHandle(fileDescriptor: process.output).read(upToCount: 1) == Data(".".utf8))
    #expect(getpgid(process.pid) == getpgrp())
    process.end()
    #expect(process.wait() == .signalled(SIGKILL))
    process.reap()
    for end in [process.output, process.errors] { close(end) }
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
    #expect(try openCount() < before + 100)
  }

  private func openCount() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
  }
}
