// How trials in processes are followed: passed, failed, crashed, hung, ended early, and shrunk.

import Foundation
import Reports
import StressKit
import StressRunner
import Testing

struct ClassRunTests {
  /// A program that answers as `stress trial` does; the class's name says what goes wrong.
  private static let program = #"""
    #!/usr/bin/env python3
    import json, os, signal, sys
    token, count = sys.argv[3], int(sys.argv[sys.argv.index("--count") + 1])
    head, _, left = token.partition("~")
    name, _, first = head.split("/")
    omitted = set()
    for part in filter(None, left.split(",")):
        low, _, high = part.partition("-")
        omitted |= set(range(int(low), int(high or low) + 1))
    def tell(line): print(json.dumps(line), flush=True)
    def ended(index, verdict, **more):
        result = {"index": index, "verdict": verdict, "checks": 10, "artefacts": {}, "figures": {"f": index}}
        tell({"ended": {"_0": {**result, **more}}})
    for index in range(int(first), int(first) + count):
        tell({"began": {"index": index}})
        verdict = {"passed": {}}
        if name == "noisy":
            print("a library says hello", flush=True)
        if name == "skips" and index == 1:
            verdict = {"skipped": {"_0": "not on this machine"}}
        if name == "crashes" and index == 1:
            print("last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        if name == "floods" and index == 1:
            while True: sys.stdout.write("endless " * 100_000)
        if name == "hangs" and index == 1:
            signal.pause()
        if name == "fails" and index > 0:
            verdict = {"failed": {"_0": f"trial {index} is wrong"}}
        if name in ("shrinks", "dies"):
            steps = [step for step in range(20) if step not in omitted]
            tell({"planned": {"steps": 20}})
            if {3, 17} <= set(steps) and index == 1:
                if name == "dies":
                    if "--aloud" in sys.argv:
                        for step in steps: print(f"step: number {step}", file=sys.stderr, flush=True)
                    os.kill(os.getpid(), signal.SIGKILL)
                verdict = {"failed": {"_0": "3 and 17"}}
        ended(index, verdict)
        if name == "leaves" and index == 1:
            sys.exit(0)
    """#

  private func report(
    _ name: String, trials: Int = 4, secondsMax: Int = 60, stopsAtFirst: Bool = false,
    regressions: [TrialToken] = []
  ) throws -> StressClassReport {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer {
      // The test has its result; a folder that stays behind does not change it.
      try? FileManager.default.removeItem(at: folder)
    }
    let program = folder.appending(path: "program").path
    try write(Self.program, toProgram: program)
    let about = StressClassAbout(
      name: name, injection: "", expectation: "", goal: "", unit: "checks",
      trials: TrialCounts(pr: trials, nightly: trials), secondsMax: secondsMax)
    var plan = StressPlan(
      classes: [about], profile: .nightly, seed: 7, lanes: 1, program: program,
      scratch: folder.appending(path: "scratch"))
    plan.stopsAtFirst = stopsAtFirst
    plan.regressions = regressions
    let report = StressRunner.run(plan, machine: [:], hooks: StressHooks())
    return try #require(report.classes.first)
  }

  /// Writes a program, in a process of its own: whoever forks while ours had the file open would keep
  /// it busy for a moment, and a busy file cannot be run.
  private func write(_ text: String, toProgram path: String) throws {
    let (shell, input) = (Process(), Pipe())
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = ["-c", #"cat > "$0" && chmod 700 "$0""#, path]
    shell.standardInput = input
    try shell.run()
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    try input.fileHandleForWriting.close()
    shell.waitUntilExit()
    try #require(shell.terminationStatus == 0)
  }

  @Test(arguments: ["good", "noisy"])
  func countsWhatPassed(name: String) throws {
    let one = try report(name)
    #expect(one.findings.map(\.what) == [] && one.skipped == [])
    #expect(one.trials == 4 && one.checks == 40 && one.failures == 0)
    #expect(one.figures == ["f": 3])
  }

  @Test func aSkippedTrialIsNeither() throws {
    let one = try report("skips")
    #expect(one.trials == 3 && one.failures == 0)
    #expect(one.skipped == ["not on this machine"])
  }

  @Test func aCrashIsAFindingAndTheRestGoesOn() throws {
    let one = try report("crashes")
    #expect(one.trials == 4 && one.failures == 1 && one.checks == 30)
    let finding = try #require(one.findings.first)
    #expect(finding.token == "crashes/0x7/1")
    #expect(finding.what.contains("signal 11"), "\(finding.what)")
    #expect(finding.artefacts["stderr"]?.contains("last words") == true)
    #expect(finding.artefacts["seed"] == "0x7")
  }

  @Test func aHangIsAFindingAndTheRestGoesOn() throws {
    let one = try report("hangs", secondsMax: 1)
    #expect(one.trials == 4 && one.failures == 1 && one.checks == 30)
    #expect(one.findings.map(\.token) == ["hangs/0x7/1"])
    #expect(one.findings.first?.what.contains("silent for 1 s") == true)
  }

  @Test func aLineWithoutEndIsAFindingAndItsProcessIsKilled() throws {
    let one = try report("floods")
    #expect(one.trials == 4 && one.failures == 1)
    #expect(one.findings.first?.what.contains("an endless line") == true)
  }

  @Test func aShortenedTrialIsShrunkFromWhereItIs() throws {
    let token = TrialToken(className: "shrinks", seed: 7, index: 1, omitted: [0, 5, 19])
    let one = try report("shrinks", trials: 1, regressions: [token])
    let finding = try #require(one.findings.first)
    #expect(finding.token == "shrinks/0x7/1~0-2,4-16,18-19")
    #expect(
      finding.replay == "greenbench stress replay shrinks/0x7/1~0-2,4-16,18-19 --profile nightly")
  }

  @Test func aProcessThatLeavesEarlyIsAFinding() throws {
    let one = try report("leaves")
    #expect(one.failures == 1)
    #expect(one.findings.map(\.token) == ["leaves/0x7/2"])
    #expect(one.findings.first?.what.contains("between two trials") == true)
    // The third trial is what it left; the fourth was made by another process.
    #expect(one.trials == 4 && one.checks == 30)
  }

  @Test func aClassEndsAfterSomeFailures() throws {
    #expect(try report("fails", trials: 100).failures == 5)
    let one = try report("fails", trials: 100, stopsAtFirst: true)
    #expect(one.failures == 1 && one.trials == 2)
    #expect(one.findings.first?.what == "trial 1 is wrong")
  }

  @Test func aFailureIsShrunkToTheStepsThatMatter() throws {
    let one = try report("shrinks")
    #expect(one.failures == 1 && one.trials == 4)
    let finding = try #require(one.findings.first)
    #expect(finding.token == "shrinks/0x7/1~0-2,4-16,18-19")
    #expect(finding.steps == 20 && finding.stepsLeft == 2)
  }

  @Test func aDeathIsShrunkTooAndTellsItsSchedule() throws {
    let finding = try #require(try report("dies").findings.first)
    #expect(finding.token == "dies/0x7/1~0-2,4-16,18-19")
    #expect(finding.artefacts["schedule"] == "number 3\nnumber 17")
  }

  @Test func aProgramThatIsNotThereIsAFinding() throws {
    let about = StressClassAbout(
      name: "good", injection: "", expectation: "", goal: "", unit: "checks",
      trials: TrialCounts(pr: 1, nightly: 1))
    let plan = StressPlan(
      classes: [about], profile: .pr, seed: 7, lanes: 1, program: "/nowhere/at/all",
      scratch: FileManager.default.temporaryDirectory.appending(path: UUID().uuidString))
    let report = StressRunner.run(plan, machine: [:], hooks: StressHooks())
    #expect(report.failures == 1)
    #expect(report.classes[0].findings[0].what.contains("not started"))
  }
}
