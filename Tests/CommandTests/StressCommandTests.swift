// `greenbench stress` as a whole: where its reports go, what it refuses, and what it leaves behind.

import Foundation
import Testing

struct StressCommandTests {
  private let base: CommandTests

  init() throws { base = try CommandTests() }

  /// A run of few trials that all pass.
  private static let quick = ["stress", "run", "misuse", "--trials", "1", "--seed", "1"]

  private func path(_ name: String) -> String { base.folder.appending(path: name).path }

  private func run(_ arguments: [String]) throws -> CommandTests.Outcome {
    try base.end(base.start(arguments))
  }

  /// Through a shell, which can do with descriptors what it likes.
  private func shell(_ redirection: String, _ arguments: [String]) throws -> CommandTests.Outcome {
    let (process, output, complaint) = (Process(), Pipe(), Pipe())
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments =
      ["-c", "exec \"$0\" \"$@\" \(redirection)", CommandTests.program.path] + arguments
    process.standardOutput = output
    process.standardError = complaint
    try process.run()
    return try base.end((process, output, complaint))
  }

  @Test(arguments: [
    (["--json", ""], "empty"), (["--json", "/nowhere/report.json"], "cannot be written"),
    (["--junit", "/tmp"], "is a folder"), (["--json", "-", "--markdown", "-"], "only one"),
    (["--json", "/tmp/a", "--junit", "/tmp/a"], "one name"),
    (["--json", "/tmp/a", "--junit", "/tmp/./a"], "one name"),
    (["--json", "/tmp/r.sqlite", "--store", "/tmp/r.sqlite"], "the result store's"),
    (["--json", "/tmp/r.sqlite-wal", "--store", "/tmp/r.sqlite"], "the result store's"),
    (["--worker", "/bin/true"], "only the class executor"),
    (["--worker", "/tmp"], "cannot be executed"),
    (["--store", "x", "--no-store"], "exclude"),
  ])
  func refusesBeforeTheFirstTrial(options: [String], word: String) throws {
    defer { base.remove() }
    let outcome = try run(Self.quick + options)
    #expect(outcome.status == 64)
    #expect(outcome.complaint.contains(word), "\(outcome.complaint)")
    #expect(outcome.complaint.split(separator: "\n").count == 1, "a trial was made before")
  }

  @Test func looksAtTheStoreBeforeTheFirstTrial() throws {
    defer { base.remove() }
    let outcome = try run(Self.quick + ["--store", "/proc/results.sqlite"])
    #expect(outcome.status == 6)
    #expect(outcome.complaint.split(separator: "\n").count == 1, "a trial was made before")
  }

  @Test(arguments: ["2>&-", "2>/dev/full"])
  func nobodyHasToReadWhatItTells(redirection: String) throws {
    defer { base.remove() }
    let outcome = try shell(redirection, Self.quick + ["--no-store"])
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("1 class, 1 trial, seed 0x1: all as it must be"))
  }

  @Test func aFullStandardOutputIsToldAndTheReportIsKept() throws {
    defer { base.remove() }
    let report = path("report.json")
    let outcome = try shell(">/dev/full", Self.quick + ["--no-store", "--json", report])
    #expect(outcome.status == 1)
    #expect(outcome.complaint.contains("standard output cannot be written: ENOSPC"))
    #expect(FileManager.default.fileExists(atPath: report))
  }

  @Test func aLinkStaysALink() throws {
    defer { base.remove() }
    let (link, target) = (path("link"), path("target"))
    try Data("old".utf8).write(to: URL(filePath: target))
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
    #expect(try run(Self.quick + ["--no-store", "--json", link]).status == 0)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == target)
    let text = try String(contentsOfFile: target, encoding: .utf8)
    #expect(text.contains("greenbench stress run misuse --profile pr --seed 0x1 --trials 1"))
  }

  /// A report as a run of `nightly` would have written it.
  private func report(_ token: String, format: Int = 1, worker: String? = nil) throws -> String {
    let file = path("report.json")
    let text = """
      {"format": \(format), "run": "r", "started_utc": "", "profile": "nightly", "seed": "0x1",
       "seconds": 0, "machine": {}, "interrupted": false,
       \(worker.map { "\"worker\": \"\($0)\"," } ?? "") "classes": [
        {"name": "misuse", "trials": 1, "checks": 0, "unit": "cells", "failures": 1, "skipped": [],
         "seconds": 0, "figures": {}, "findings": [
          {"token": "\(token)", "what": "made up", "replay": "", "artefacts": {}}]}]}
      """
    try Data(text.utf8).write(to: URL(filePath: file))
    return file
  }

  @Test func replaysWhatAReportHas() throws {
    defer { base.remove() }
    let outcome = try run(["stress", "replay", try report("misuse/0x1/0"), "--no-store"])
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("1 class, 1 trial"))
  }

  @Test func asksNoWorkerOfAReportThatIsGone() throws {
    defer { base.remove() }
    let bad = path("bad")
    try Data("#!/no/such/interpreter\n".utf8).write(to: URL(filePath: bad))
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: bad)
    for (worker, word) in [("/nowhere", "cannot be executed"), (bad, "cannot be started")] {
      let file = try report("executor/0x1/0", worker: worker)
      let outcome = try run(["stress", "replay", file, "--no-store"])
      #expect(outcome.status == 64)
      #expect(outcome.complaint.contains(word), "\(outcome.complaint)")
      #expect(outcome.complaint.split(separator: "\n").count == 1, "a trial was made before")
    }
  }

  @Test(arguments: [("/tmp", "is a folder"), ("/dev/null", "is no regular file")])
  func replaysNothingThatIsNoFile(what: String, word: String) throws {
    defer { base.remove() }
    let outcome = try run(["stress", "replay", what, "--no-store"])
    #expect(outcome.status == 64)
    #expect(outcome.complaint.contains(word), "\(outcome.complaint)")
  }

  @Test(arguments: [("rubbish", 1, "is no trial"), ("misuse/0x1/0", 2, "format 2")])
  func replaysNothingOfAReportThatIsNone(token: String, format: Int, word: String) throws {
    defer { base.remove() }
    let outcome = try run(["stress", "replay", try report(token, format: format), "--no-store"])
    #expect(outcome.status == 64)
    #expect(outcome.complaint.contains(word), "\(outcome.complaint)")
  }

  @Test func replacesNoStoreByAReport() throws {
    defer { base.remove() }
    #expect(try run(Self.quick).status == 0)
    let store = FileManager.default.contents(atPath: base.store)
    let other = path("other.sqlite")
    let outcome = try run(Self.quick + ["--store", other, "--json", base.store])
    #expect(outcome.status == 64)
    #expect(outcome.complaint.contains("is an SQLite file"), "\(outcome.complaint)")
    #expect(FileManager.default.contents(atPath: base.store) == store)
  }

  @Test func nothingOfAKilledRunGoesOn() throws {
    defer { base.remove() }
    // A socket's path is short, and the test's own folder has a long name.
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "k\(UInt16.random(in: 0...9999))"
    )
    .path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer {
      // The next test has another one.
      try? FileManager.default.removeItem(atPath: folder)
    }
    let started = try base.start(
      ["stress", "run", "soak", "--profile", "nightly", "--seed", "1", "--no-store"],
      environment: ["TMPDIR": folder])
    let pid = started.0.processIdentifier
    // By itself it would go on for an hour.
    let trial = try #require(ProcessFiles.awaitChild(of: pid, calledWith: "stress"))
    let daemon = try #require(ProcessFiles.awaitChild(of: trial, calledWith: "daemon"))
    kill(pid, SIGKILL)
    #expect(ProcessFiles.isGoneSoon(trial))
    #expect(ProcessFiles.isGoneSoon(daemon))
    _ = try base.end(started)
    // The next one takes away what this one could not.
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
    let next = try base.start(Self.quick + ["--no-store"], environment: ["TMPDIR": folder])
    #expect(try base.end(next).status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
  }
}
