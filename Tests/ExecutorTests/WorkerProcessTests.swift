// The client against small shell scripts that play a worker, sound or broken.

import Executor
import Reports
import Testing

@Suite("A worker process")
struct WorkerProcessTests {
  private static let patience = Duration.seconds(20)

  private func worker(_ script: String) async -> WorkerProcess {
    await WorkerProcess.launch("/bin/sh", arguments: ["-c", script])
  }

  /// Why a question had no answer.
  private func failure<Answer>(
    _ question: () async throws(ExecutorError) -> Answer
  ) async -> ExecutorError? {
    do {
      _ = try await question()
      return nil
    } catch {
      return error
    }
  }

  @Test("Questions are numbered, and the answers are taken apart")
  func answers() async throws {
    let worker = await worker(
      """
      read -r line; echo '{"id":1,"verified":{"checksum":"498","of":"ring","matches":true}}'
      read -r line; echo '{"id":2,"finished":{"leakedGreenlets":0,"leakedStacks":1}}'
      read -r line
      """)
    let verified = try await worker.verify(7, deadline: Self.patience)
    #expect(verified == VerifiedReply(checksum: "498", of: "ring", matches: true))
    let left = try await worker.finish(7, deadline: Self.patience)
    #expect(left.leakedStacks == 1)
    await worker.stop()
  }

  @Test("The worker reads what was asked")
  func requestText() async {
    let worker = await worker(
      """
      read -r line
      text=$(printf '%s' "$line" | sed 's/"/\\\\"/g')
      echo "{\\"id\\":1,\\"error\\":{\\"code\\":\\"failed\\",\\"message\\":\\"$text\\"}}"
      """)
    let error = await failure { () async throws(ExecutorError) in
      try await worker.measure(3, batches: 4, batchNanoseconds: 5, deadline: Self.patience)
    }
    let text = #"{"batchNanoseconds":5,"batches":4,"handle":3,"id":1,"op":"measure"}"#
    #expect(error == .refused(ExecutorFault(.failed, text)))
    await worker.stop()
  }

  @Test("A signal and an exit code are told apart")
  func crashes() async {
    for (script, ending) in [
      ("read -r line; kill -9 $$", ExecutorError.Ending.signalled(9)),
      ("read -r line; exit 7", .exited(7)),
      ("exit 0", .exited(0)),
    ] {
      let worker = await worker(script)
      let error = await failure { () async throws(ExecutorError) in
        try await worker.hello(deadline: Self.patience)
      }
      #expect(error == .crashed(ending))
      let again = await failure { () async throws(ExecutorError) in
        try await worker.hello(deadline: Self.patience)
      }
      #expect(again == .crashed(ending), "a dead worker stays dead")
    }
  }

  @Test("An overflow that a worker tells before it dies is its failure; another crash is a crash")
  func overflows() async {
    let line =
      "greenlets: stack overflow in \"crawl 1\" (greenlet number 7), made at A/B.swift:3, "
      + "12 frames deep, in worker+0x10; its stack is 0x10-0x20 (16 bytes), the fault is at 0x8; "
      + "give it a larger one"
    let details = "(greenlet number 7), made at A/B.swift:3, 12 frames deep, in worker+0x10"
    let note = OverflowNote(name: "crawl 1", details: details + ", on 16 bytes")
    for (script, expected) in [
      (
        "echo '\(line)' >&2; echo more >&2; kill -9 $$",
        ExecutorError.overflowed(note, .signalled(9))
      ),
      (
        "echo 'x \(line)' >&2; kill -9 $$",
        .crashed(.signalled(9), CrashNote(lastWords: "x " + line))
      ),
      (
        "echo 'greenlets: stack overflow in nothing' >&2; exit 3",
        .crashed(.exited(3), CrashNote(lastWords: "greenlets: stack overflow in nothing"))
      ),
    ] {
      let worker = await worker("read -r line; " + script)
      let error = await failure { () async throws(ExecutorError) in
        try await worker.hello(deadline: Self.patience)
      }
      #expect(error == expected)
    }
    #expect(
      ExecutorError.overflowed(note, .signalled(11)).description
        == "stack overflow in crawl 1 \(details), on 16 bytes; worker died: signal 11 (SIGSEGV); "
        + "choose a larger stack")
  }

  @Test("A crash is told with who ran, its calls, and the line before; of those, a bounded number")
  func crashReports() async {
    let report =
      "greenlets: signal 9 (SIGKILL) in \"crawl 1\" (greenlet number 7), made at A/B.swift:3, "
      + "the fault is at 0x8; look its calls up with addr2line"
    let details = "(greenlet number 7), made at A/B.swift:3, the fault is at 0x8"
    let told = CrashNote(
      name: "crawl 1", details: details, calls: ["w+0x10", "? c+0x8", "... 3 more"],
      lastWords: "Fatal error: no")
    for (script, note) in [
      (
        "echo 'Fatal error: no'; echo '\(report)'; echo 'greenlets: at w+0x10'; "
          + "echo 'greenlets: at ? c+0x8'; echo 'greenlets: at ... 3 more'; echo backtrace",
        told
      ),
      ("echo one; echo two; echo ' '", CrashNote(lastWords: "two")),
      ("echo 'greenlets: at w+0x10'", CrashNote()),
      (
        "echo '\(report)'; yes 'greenlets: at w+0x10' | head -n 1000",
        CrashNote(
          name: "crawl 1", details: details, calls: Array(repeating: "w+0x10", count: 80))
      ),
    ] {
      let worker = await worker("read -r line; { " + script + "; } >&2; kill -9 $$")
      let error = await failure { () async throws(ExecutorError) in
        try await worker.hello(deadline: Self.patience)
      }
      #expect(error == .crashed(.signalled(9), note))
    }
    let error = ExecutorError.crashed(.signalled(9), told)
    #expect(error.fact == "worker died: signal 9 (SIGKILL) in \"crawl 1\" \(details)")
    #expect(error.backtrace == "w+0x10\n? c+0x8\n... 3 more")
    #expect(error.lastWords == "Fatal error: no")
    #expect(ExecutorError.crashed(.exited(3)).backtrace == nil)
  }

  @Test("A silent worker is killed at its deadline, even one that ignores everything else")
  func hang() async {
    let worker = await worker("trap '' TERM INT HUP; exec sleep 1000")
    let clock = ContinuousClock()
    let start = clock.now
    let error = await failure { () async throws(ExecutorError) in
      try await worker.hello(deadline: .milliseconds(50))
    }
    #expect(error == .hung(deadline: .milliseconds(50)))
    #expect(clock.now - start < .seconds(60))
  }

  @Test(
    "What is not of the protocol is garbled",
    arguments: [
      ("echo Segmentation fault; cat", "a line that is no reply: `Segmentation fault`"),
      (#"echo '{"id":9}'; cat"#, "reply 9 to question 1"),
      (#"echo '{"id":1}'; cat"#, "no answer to `hello` in the reply"),
    ])
  func garbled(script: String, what: String) async {
    let worker = await worker("read -r line; " + script)
    let error = await failure { () async throws(ExecutorError) in
      try await worker.hello(deadline: Self.patience)
    }
    #expect(error == .garbled(what))
    await worker.stop()
  }

  @Test("A line over the limit is garbled")
  func longLine() async {
    let script = "read -r line; head -c 200000 /dev/zero | tr '\\0' a; cat"
    let worker = await WorkerProcess.launch(
      "/bin/sh", arguments: ["-c", script], lineBytesMax: 128 << 10)
    let error = await failure { () async throws(ExecutorError) in
      try await worker.hello(deadline: Self.patience)
    }
    #expect(error == .garbled("a line over 128 KiB"))
  }

  @Test("Fewer batches than asked for are garbled")
  func missingBatches() async {
    let worker = await worker(#"read -r line; echo '{"id":1,"batches":[]}'; cat"#)
    let error = await failure { () async throws(ExecutorError) in
      try await worker.measure(1, batches: 2, batchNanoseconds: 1, deadline: Self.patience)
    }
    #expect(error == .garbled("0 batches in place of 2"))
  }

  @Test("A program that is not there could not be started")
  func missingProgram() async {
    let worker = await WorkerProcess.launch("/no/such/program")
    let error = await failure { () async throws(ExecutorError) in
      try await worker.hello(deadline: Self.patience)
    }
    guard case .couldNotStart("/no/such/program", _) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
  }

  @Test("A worker that answers when it is to leave, and stays, is killed", .timeLimit(.minutes(1)))
  func staysAfterItsAnswer() async throws {
    let worker = await worker(
      """
      read -r line; echo asked >&2; read -r line
      echo '{"id":1,"finished":{"leakedGreenlets":0,"leakedStacks":0}}'
      exec sleep 1000
      """)
    async let answer = worker.finish(1, deadline: .seconds(1000))
    // The end of its input is what the second `read` waits for.
    while await worker.said.isEmpty, !Task.isCancelled { await Task.yield() }
    await worker.stop()
    _ = try await answer
  }

  @Test("A stopped worker is gone, and says so")
  func stopped() async {
    let worker = await worker("cat >/dev/null")
    await worker.stop()
    await worker.stop()
    let error = await failure { () async throws(ExecutorError) in
      try await worker.hello(deadline: Self.patience)
    }
    #expect(error == .stopped)
  }

  @Test("Every error is one line: a fact and its mend")
  func texts() {
    let errors: [(ExecutorError, String)] = [
      (
        .crashed(.signalled(9)),
        "worker died: signal 9 (SIGKILL); run it by hand with `greenbench worker` to see why"
      ),
      (
        .crashed(.exited(3)),
        "worker died: exit code 3; run it by hand with `greenbench worker` to see why"
      ),
      (
        .hung(deadline: .milliseconds(1500)),
        "worker hung: silent for 1500 ms, killed; try smaller parameters or shorter batches"
      ),
      (
        .garbled("x"),
        "worker spoke nonsense: x, killed; run it by hand with `greenbench worker` to see why"
      ),
      (
        .refused(ExecutorFault(.badStack, "no 3B")),
        "worker refused: no 3B; ask for something it offers"
      ),
      (
        .couldNotStart(executable: "/x", reason: "gone"),
        "cannot start /x: gone; check that the file exists and may be executed"
      ),
      (.stopped, "the worker was stopped; start it again"),
    ]
    for (error, text) in errors { #expect(error.description == text) }
  }
}
