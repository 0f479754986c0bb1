// The harness itself: every way for a run to fail has its status, its exit code and its place in the store.

import DaemonAPI
import Executor
import Foundation
import Glibc
import Reports
import ResultStore
import StressKit

/// Dummy workloads and false workers, here and in the daemon; and every exit code once.
struct Harness: StressClass {
  let about = StressClassAbout(
    name: "harness",
    injection: "workloads that crash and overflow, workers that lie, babble, refuse or are silent",
    expectation: "the exact exit code, the exact status in the store, one sentence",
    goal: "all exit codes",
    unit: "outcomes",
    trials: TrialCounts(pr: 1, nightly: 5), secondsMax: 300)

  func run(_ trial: Trial) throws {
    let daemon = try DaemonUnderTest(trial)
    defer { daemon.remove() }
    let workers = FalseWorkers(folder: daemon.folder, program: trial.program)
    var seen: Set<Int32> = []
    // Silent for as long as a runner waits: beside everything else.
    let silent = daemon.client(
      HarnessCases.run + ["--worker", try workers.script("silent", "cat > /dev/null")])
    let mute =
      trial.profile == .pr
      ? nil
      : daemon.client(
        HarnessCases.run + [
          "--json", "--worker", try workers.changing("mute", #"/"batches":\[/d"#),
        ])
    var cases = try HarnessCases.here(workers)
    cases.shuffle(using: &trial.generator)
    for step in trial.steps(of: cases.count) {
      trial.tell(cases[step].name)
      try check(cases[step], daemon, trial, &seen)
    }
    try HarnessCodes(daemon: daemon, trial: trial).collect(&seen)
    try lookInTheDaemon(daemon, trial, &seen)
    try lookAtLiars(trial)
    try expect(silent, .exited(1), "a worker that does not greet", trial, &seen)
    if let mute {
      try expect(mute, .exited(3), "a worker that does not measure", trial, &seen)
      try trial.expect(
        mute.output.contains("\"status\" : \"hung\""), "its row is not hung: \(mute.output)")
    }
    guard trial.token.omitted.isEmpty else { return }
    let table = try daemon.greenbench(["exit-codes"]).output
    let all = Set(table.split(separator: "\n").compactMap { Int32($0.split(separator: " ")[0]) })
    try trial.expect(all.subtracting(seen), is: [], "exit codes that were not seen")
  }

  private func expect(
    _ child: OwnedChild, _ ending: OwnedChild.Ending, _ what: String, _ trial: Trial,
    _ seen: inout Set<Int32>
  ) throws {
    guard let found = child.wait(120) else { throw Finding("\(what): the run does not end") }
    try trial.expect(found, is: ending, "\(what): \(child.complaints)")
    if case .exited(let code) = found { seen.insert(code) }
  }

  private func check(
    _ wanted: HarnessCase, _ daemon: DaemonUnderTest, _ trial: Trial, _ seen: inout Set<Int32>
  ) throws {
    let run = try daemon.greenbench(wanted.arguments + ["--json"])
    try trial.expect(
      run.ending, is: .exited(wanted.exit), "the exit of \(wanted.name): \(run.complaint)")
    seen.insert(wanted.exit)
    try trial.expect(
      wanted.complaint.isEmpty || run.complaint.contains(wanted.complaint),
      "\(wanted.name) says nothing of \(wanted.complaint): \(run.complaint)")
    guard let status = wanted.status else {
      return try trial.expect(run.output, is: "", "what \(wanted.name) prints")
    }
    let report = try JSONDecoder().decode(RunReport.self, from: Data(run.output.utf8))
    for row in report.rows {
      try trial.expect(row.status, is: status, "the row of \(wanted.name), \(row.failure ?? "")")
      try trial.expect(
        wanted.failure.isEmpty
          ? row.failure == nil : row.failure?.contains(wanted.failure) == true,
        "the row of \(wanted.name) fails with \(row.failure ?? "nothing")")
      try trial.expect(row.verified, is: status == .ok, "\(wanted.name) is verified")
    }
    // The store has what was printed.
    let store = try ResultStore(path: daemon.store, readOnly: true)
    try trial.expect(
      try store.report(report.session) == report, "the store has another report of \(wanted.name)")
    trial.count()
  }

  /// A job has the state, the exit and the session that a run of its own would have had.
  private func lookInTheDaemon(
    _ daemon: DaemonUnderTest, _ trial: Trial, _ seen: inout Set<Int32>
  ) throws {
    try daemon.start()
    for (arguments, exit, status) in [
      (HarnessCases.run, 0, Row.Status.ok),
      (["run", "dummy-crash", "--quick", "--backend", "native"], 3, .crashed),
      (["run", "dummy-overflow", "--quick", "--backend", "greenlet"], 3, .crashed),
    ] as [([String], Int32, Row.Status)] {
      let run = try daemon.greenbench(arguments + ["--json"])
      try trial.expect(
        run.ending, is: .exited(exit), "in the daemon, \(arguments): \(run.complaint)")
      guard let job = try daemon.wire().allJobs().first else {
        throw Finding("\(arguments) was not run by the daemon")
      }
      try trial.expect(job.state, is: .done, "the job of \(arguments)")
      try trial.expect(job.exit, is: exit, "the exit of the job of \(arguments)")
      let report: RunReport = try daemon.wire().get("/v1/sessions/\(job.session ?? "none")")
      try trial.expect(report.rows.map(\.status), is: [status], "its rows in the store")
      let attached = try daemon.greenbench(["attach", "\(job.id)", "--json"])
      try trial.expect(attached.ending, is: .exited(exit), "attached to it: \(attached.complaint)")
      try trial.expect(attached.output, is: run.output, "what is shown to who attaches")
    }
    try HarnessCodes(daemon: daemon, trial: trial).collectInTheDaemon(&seen)
    try daemon.stop(trial)
  }

  /// Daemons whose workers lie: their jobs are done, and their rows void.
  private func lookAtLiars(_ trial: Trial) throws {
    let lies = [
      ("wrong", #"s/"matches":true/"matches":false/"#, "is not the oracle's"),
      ("leaky", #"s/"leakedStacks":0/"leakedStacks":2/"#, "leaked 0 greenlets and 2 stacks"),
    ]
    for (name, expression, failure) in lies {
      let script = trial.scratch.appending(path: "\(name).sh").path
      let daemon = try DaemonUnderTest(trial, name: name, arguments: ["--worker", script])
      defer { daemon.remove() }
      _ = try FalseWorkers(folder: trial.scratch, program: trial.program).changing(name, expression)
      try daemon.start()
      let job = try daemon.wire().accepted(Jobs.tiny(1))
      guard let end = try daemon.wire().follow(job.id, until: { $0.state == .done }) else {
        throw Finding("the job of a worker that is \(name) did not end as done")
      }
      try trial.expect(end.exit, is: 3, "the exit of the job of a worker that is \(name)")
      let report: RunReport = try daemon.wire().get("/v1/sessions/\(end.session ?? "none")")
      try trial.expect(report.rows.map(\.status), is: [.unverified], "its row")
      try trial.expect(
        report.rows[0].failure?.contains(failure) == true,
        "its row fails with \(report.rows[0].failure ?? "nothing")")
      try daemon.stop(trial)
    }
  }
}
