// The exit codes of commands that do not run anything, each brought about once.

import DaemonAPI
import Executor
import Foundation
import Glibc
import StressKit

/// Brings exit codes about.
struct HarnessCodes {
  let daemon: DaemonUnderTest
  let trial: Trial

  /// Those that need no daemon; the store has sessions.
  func collect(_ seen: inout Set<Int32>) throws {
    let manager = FileManager.default
    try expect(5, ["show", "abcdabcd"], "is called", &seen)
    try expect(6, HarnessCases.run + ["--store", "/dev/null/x.sqlite"], "not a folder", &seen)
    try expect(64, ["run", "no-such-workload", "--no-daemon"], "unknown workload", &seen)
    try expect(64, ["rum"], "--help", &seen)
    try expect(70, ["queue", "ls"], "daemon start", &seen)
    try expect(70, ["run", "control", "--detach"], "needs a daemon", &seen)

    // The version is the number at byte 60 of the file's header.
    let newer = daemon.folder.appending(path: "newer.sqlite")
    try manager.copyItem(at: URL(filePath: daemon.store), to: newer)
    let file = try FileHandle(forUpdating: newer)
    try file.seek(toOffset: 60)
    try file.write(contentsOf: Data([0, 0, 0, 99]))
    try file.close()
    try expect(8, HarnessCases.run + ["--store", newer.path], "schema 99", &seen)

    let open = daemon.folder.appending(path: "open")
    try manager.createDirectory(
      at: open, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
    let doctor = try daemon.greenbench(["daemon", "doctor"], ["GREENBENCH_RUNTIME_DIR": open.path])
    try trial.expect(
      doctor.ending, is: .exited(7), "the doctor of an open folder: \(doctor.output)")
    seen.insert(7)

    let run = daemon.client(["run", "ping-pong", "--blocks", "10000", "--no-daemon"])
    // The worker is there before anything is measured.
    try daemon.eventually("a run has no worker") {
      let pid = run.pid
      return run.isOver || daemon.processes.contains { ProcessFacts.parent($0) == pid }
    }
    run.signal(SIGINT)
    guard let ending = run.wait(DaemonUnderTest.patience) else {
      throw Finding("Ctrl-C does not end a run")
    }
    try trial.expect(ending, is: .exited(130), "Ctrl-C: \(run.complaints)")
    seen.insert(130)
    trial.count()
  }

  /// Those that need one.
  func collectInTheDaemon(_ seen: inout Set<Int32>) throws {
    let second = OwnedChild(
      OwnedChild.Start(
        program: trial.program, arguments: ["daemon", "run"], environment: daemon.environment))
    guard let ending = second.wait(DaemonUnderTest.patience) else {
      second.end()
      throw Finding("a second daemon runs in the folder of the first")
    }
    try trial.expect(ending, is: .exited(75), "the second daemon of a folder: \(second.complaints)")
    try expect(0, ["daemon", "pause"], "", &seen)
    let waiting = try daemon.wire().accepted(Jobs.tiny(5))
    try expect(75, ["run", "control", "--no-wait"], "unfinished job", &seen)
    try expect(0, ["queue", "cancel", "\(waiting.id)"], "", &seen)
    try expect(130, ["attach", "\(waiting.id)"], "cancelled", &seen)
    try expect(0, ["daemon", "resume"], "", &seen)
    try expect(5, ["attach", "4711"], "no job 4711", &seen)
  }

  private func expect(
    _ code: Int32, _ arguments: [String], _ words: String, _ seen: inout Set<Int32>
  ) throws {
    let outcome = try daemon.greenbench(arguments)
    try trial.expect(
      outcome.ending, is: .exited(code),
      "`\(arguments.joined(separator: " "))`: \(outcome.complaint)")
    try trial.expect(
      (words.isEmpty || outcome.complaint.contains(words))
        && outcome.complaint.split(separator: "\n").count <= 1,
      "`\(arguments.joined(separator: " "))` says \(outcome.complaint)")
    seen.insert(code)
  }
}
