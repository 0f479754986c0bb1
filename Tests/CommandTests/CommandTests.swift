// The program as a whole: one line for what is wrong, and the exit code of the table, one by one.

import Foundation
import Testing

struct CommandTests {
  /// What a process printed, and how it ended.
  struct Outcome {
    let status: Int32
    let output: String
    let complaint: String
  }

  /// A folder of this test's own.
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "command-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  /// The program that the same build made, beside the test bundle.
  static var program: URL {
    URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(
      path: "greenbench")
  }

  var store: String { folder.appending(path: "results.sqlite").path }

  /// Takes the folder away.
  func remove() {
    do {
      try FileManager.default.removeItem(at: folder)
    } catch {
      Issue.record(error)
    }
  }

  /// Starts the program; variables that are given come in place of those of this test.
  func start(
    _ arguments: [String], environment: [String: String] = [:]
  ) throws -> (Process, Pipe, Pipe) {
    let (process, output, complaint) = (Process(), Pipe(), Pipe())
    process.executableURL = Self.program
    process.arguments = arguments
    // Not the daemon of whoever runs the tests.
    process.environment = [
      "GREENBENCH_DB": store, "GREENBENCH_DAEMON": "off", "GREENBENCH_RUNTIME_DIR": folder.path,
      // Swift's own backtraces take seconds, and these threads wait for them.
      "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no",
    ].merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = complaint
    try process.run()
    return (process, output, complaint)
  }

  func end(_ started: (Process, Pipe, Pipe)) throws -> Outcome {
    let output = try started.1.fileHandleForReading.readToEnd() ?? Data()
    let complaint = try started.2.fileHandleForReading.readToEnd() ?? Data()
    started.0.waitUntilExit()
    return Outcome(
      status: started.0.terminationStatus, output: String(decoding: output, as: UTF8.self),
      complaint: String(decoding: complaint, as: UTF8.self))
  }

  func greenbench(_ arguments: String...) throws -> Outcome { try end(start(arguments)) }

  /// Four short blocks of one backend.
  func quick() throws -> Outcome {
    try greenbench(
      "run", "ping-pong", "--quick", "--blocks", "6", "--backend", "native,ucontext", "--json")
  }

  @Test func aRunEndsWithZeroAndIsReadBack() throws {
    let run = try quick()
    #expect(run.status == 0, "\(run.complaint)")
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    let session = try #require(document["session"] as? String)
    let rows = try #require(document["rows"] as? [[String: Any]])
    #expect(rows.map { $0["status"] as? String } == ["ok", "ok"])
    #expect(rows.map { $0["verified"] as? Bool } == [true, true])

    let shown = try greenbench("show", session, "--json")
    #expect(shown.output == run.output)
    let compared = try greenbench("compare", "backend:native", "backend:ucontext")
    #expect(compared.status == 0, "\(compared.complaint)")
    let listed = try greenbench("list")
    #expect(listed.output.contains(session.prefix(8)))
    let queried = try greenbench("sql", "SELECT count(*) FROM run WHERE role = 'row'")
    #expect(queried.output.contains("2"))
  }

  @Test(arguments: [
    (["run", "pingpong"], "ping-pong"),
    (["run", "ping-pong", "--backend", "nativ"], "native"),
    (["run", "ping-pong", "-p", "round=1"], "rounds"),
    (["run", "ping-pong", "-p", "rounds=0"], "rounds"),
    (["run", "ping-pong", "-p", "1000"], "name=value"),
    (["run", "million-idle", "--backend", "thread"], "choose from 1 to 4096"),
    (["run", "ping-pong", "--stack", "64kb"], "64KiB"),
    (["run", "ping-pong", "--stack", "1KiB"], "16384"),
    (["run", "no/such/file.yaml"], "no/such/file.yaml"),
    (["run", "@../up"], "@backends"),
    (["run", "ping-pong", "--wait-for-quiet", "--no-daemon"], "--no-daemon"),
    (["run", "--wait-for-quiet", "ping-pong", "--quiet-deadline", "soon"], "10m"),
    (["run", "ping-pong", "--priority", "11"], "-10 to 10"),
    (["run", "ping-pong", "--daemon", "http://10.0.0.1:80"], "127.0.0.1"),
    (["queue", "ls", "--state", "asleep"], "queued"),
    (["schedule", "add", "0 3 * * *", "ping-pong", "--detach"], "greenbench run"),
    (["daemon", "run", "--log-level", "loud"], "log-level"),
    (["rum"], "--help"),
  ]) func wrongUsageIs64AndNamesTheMend(arguments: [String], mend: String) throws {
    let outcome = try end(start(arguments))
    #expect(
      outcome.status == (arguments[1...].contains("no/such/file.yaml") ? 5 : 64),
      "\(outcome.complaint)")
    #expect(outcome.complaint.contains(mend), "\(outcome.complaint)")
    #expect(!FileManager.default.fileExists(atPath: store + "-journal"))
  }

  @Test func aKeyOfAScenarioIsNamedWithItsLine() throws {
    let file = folder.appending(path: "own.yaml")
    try Data("workload: ping-pong\nbackend: [native]\n".utf8).write(to: file)
    let outcome = try greenbench("run", file.path)
    #expect(outcome.status == 64)
    #expect(outcome.complaint.contains("own.yaml:2"), "\(outcome.complaint)")
    #expect(outcome.complaint.contains("backends"), "\(outcome.complaint)")
  }

  @Test func aSweepIsATableWithItsKnees() throws {
    let sweep = [
      "run", "footprint", "-p", "greenlets=1,2,3", "-p", "touch=64", "--quick", "--blocks", "6",
      "--backend", "native,greenlet",
    ]
    let run = try end(start(sweep))
    #expect(run.status == 0, "\(run.complaint)")
    let lines = run.output.split(separator: "\n")
    #expect(lines[0].contains("footprint touch=64"))
    for word in ["greenlets", "B/greenlet", "P10", "95 % CI", "mappings", "page tables", "faults"] {
      #expect(lines[1].contains(word), "\(lines[1])")
    }
    // Three sizes of two backends, and what is to be said of each backend.
    #expect(lines.count == 2 + 6 + 2, "\(run.output)")
    #expect(lines[8].hasPrefix("native: ") && lines[9].hasPrefix("greenlet: "))
    #expect(lines.suffix(2).allSatisfy { $0.contains("knee") })

    let session = try #require(lines[0].split(separator: " ").dropFirst().first)
    #expect(try greenbench("show", String(session)).output == run.output)
    let document = try greenbench("show", String(session), "--json").output
    for key in ["\"knees\"", "\"memory\"", "\"page_table_bytes\"", "\"live_greenlets\" : 3"] {
      #expect(document.contains(key), "\(key)")
    }
    #expect(try greenbench("list").output.contains("B/greenlet"))
    let queried = try greenbench(
      "sql", "SELECT count(*) FROM memory WHERE live_greenlets > 0 AND mappings > 0")
    #expect(queried.output.contains("6"))
  }

  @Test func memoryStandsBelowTheTableOfARun() throws {
    let run = try greenbench(
      "run", "million-idle", "-p", "greenlets=1000", "--quick", "--blocks", "6", "--backend",
      "greenlet", "--stack", "mapped:16KiB")
    #expect(run.status == 0, "\(run.complaint)")
    for words in [
      "high water", "RSS", "PSS", "made in",
      "greenlet: 1 000 coroutines created, switched to once and destroyed without an error",
    ] {
      #expect(run.output.contains(words), "\(run.output)")
    }
  }

  @Test(arguments: [("native", "(a coroutine), made at "), ("ucontext", "(a context of ")])
  func anOverflowIsStoredByName(backend: String, kind: String) throws {
    let run = try greenbench("run", "dummy-overflow", "--quick", "--backend", backend, "--json")
    #expect(run.status == 3, "\(run.complaint)")
    #expect(run.complaint.contains("greenlets: stack overflow in \"dummy-overflow\" \(kind)"))
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    let rows = try #require(document["rows"] as? [[String: Any]])
    #expect(rows.map { $0["status"] as? String } == ["crashed"])

    let stored = try greenbench("sql", "SELECT failure FROM run WHERE role = 'row'").output
    #expect(stored.contains("stack overflow in dummy-overflow \(kind)"), "\(stored)")
    #expect(stored.contains(" on 65536 bytes; worker died: signal 11 (SIGSEGV)"), "\(stored)")
    #expect(try !greenbench("workload", "list").output.contains("dummy"))
  }

  @Test(arguments: [
    (0, "signal 11 (SIGSEGV)", ", the fault is at 0x8 while measuring greenlet"),
    (
      1, "signal", " while measuring greenlet: Workloads/DummyCrash.swift:24: Fatal error: "
    ), (2, "signal 6 (SIGABRT)", " while measuring greenlet"),
  ]) func aCrashIsStoredWithWhoRanAndItsCalls(kind: Int, signal: String, end: String) throws {
    let run = try greenbench(
      "run", "dummy-crash", "-p", "kind=\(kind)", "--quick", "--backend", "greenlet,native",
      "--json")
    #expect(run.status == 3, "\(run.complaint)")
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    let rows = try #require(document["rows"] as? [[String: Any]])
    #expect(rows.map { $0["status"] as? String } == ["crashed", "crashed"])
    let failure = try #require(rows[0]["failure"] as? String)
    #expect(failure.hasPrefix("worker died: \(signal)"), "\(failure)")
    #expect(failure.contains(" in \"dummy-crash\" (greenlet number "), "\(failure)")
    #expect(failure.contains(end) && failure.count <= 400, "\(failure)")
    #expect((rows[1]["failure"] as? String)?.contains("(a coroutine), made at ") == true)

    let backtrace = try #require(rows[0]["backtrace"] as? String)
    let functions = try Self.functions(backtrace)
    let descents = functions.filter { $0.contains("Crasher") && $0.contains("descend") }
    // Optimised, the recursion may be fewer frames.
    #expect(!descents.isEmpty, "\(backtrace) is \(functions)")
    if kind == 0 { #expect(functions.first?.contains("Crasher") == true, "\(functions)") }

    let session = try #require(document["session"] as? String)
    #expect(try greenbench("show", session, "--json").output == run.output)
    let first = try #require(backtrace.split(separator: "\n").first)
    #expect(try greenbench("show", session).output.contains("\n  at \(first)\n"))
  }

  /// The names of a backtrace's functions, as the linker knows them.
  static func functions(_ backtrace: String) throws -> [String] {
    let places = backtrace.matches(of: /(?:^|\n)(?:\? )?greenbench\+(0x[0-9a-f]+)/).map {
      String($0.1)
    }
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["addr2line", "-f", "-e", program.path] + places
    process.standardOutput = output
    try process.run()
    let text = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    // A function and its line for each place.
    return text.split(separator: "\n").enumerated().filter { $0.offset % 2 == 0 }.map {
      String($0.element)
    }
  }

  @Test func aSessionThatIsNotThereIs5() throws {
    #expect(try greenbench("show", "abcd").status == 5)
  }

  @Test func aStoreThatCannotBeWrittenIs6() throws {
    let outcome = try greenbench(
      "run", "ping-pong", "--quick", "--store", "/dev/null/results.sqlite")
    #expect(outcome.status == 6, "\(outcome.complaint)")
    #expect(outcome.complaint.split(separator: "\n").count == 1)
  }

  @Test func aStoreOfANewerVersionIs8AndStaysAsItIs() throws {
    #expect(try quick().status == 0)
    // The version is the number at byte 60 of the file's header; nothing else may be changed.
    let file = try FileHandle(forUpdating: URL(filePath: store))
    try file.seek(toOffset: 60)
    try file.write(contentsOf: Data([0, 0, 0, 99]))
    try file.close()
    let before = try Data(contentsOf: URL(filePath: store))
    let outcome = try greenbench("run", "ping-pong", "--quick")
    #expect(outcome.status == 8, "\(outcome.complaint)")
    #expect(try Data(contentsOf: URL(filePath: store)) == before)
  }

  @Test func aStatementThatWritesIs64() throws {
    #expect(try quick().status == 0)
    #expect(try greenbench("sql", "DELETE FROM run").status == 64)
  }

  @Test func ctrlCStoresWhatIsCompleteAndIs130() throws {
    let started = try start(["run", "ping-pong", "--blocks", "10000"])
    // The store is opened before the first block, so it tells that the run is under way.
    while !FileManager.default.fileExists(atPath: store), started.0.isRunning { sched_yield() }
    started.0.interrupt()
    let outcome = try end(started)
    #expect(outcome.status == 130, "\(outcome.complaint)")
  }

  @Test func versionIsADocument() throws {
    for arguments in [["--version", "--json"], ["version", "--json"]] {
      let outcome = try end(start(arguments))
      #expect(outcome.status == 0)
      #expect(outcome.output.contains("\"version\""))
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func completionsAreWritten(shell: String) throws {
    let outcome = try greenbench("completions", shell)
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("greenbench"))
  }

  @Test func whatThereIsIsListed() throws {
    #expect(try greenbench("workload", "list").output.contains("ring"))
    #expect(try greenbench("workload", "describe", "ring").output.contains("members"))
    #expect(try greenbench("workload", "list").output.contains("million-idle"))
    #expect(try greenbench("backend", "list").output.contains("ucontext"))
    #expect(try greenbench("backend", "list").output.contains("greenlet"))
  }
}
