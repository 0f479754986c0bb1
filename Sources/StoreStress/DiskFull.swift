// Full disks: at a write, a checkpoint, or the making of the tables, on a disk of the trial's own.

import DaemonAPI
import DaemonJobs
import Foundation
import Reports
import ResultStore
import StressKit

struct DiskFull: StressClass {
  let about = StressClassAbout(
    name: "disk-full",
    injection: "files cannot grow after N bytes; a file system of 1 to 8 MB fills up",
    expectation: "told as full, the store is intact and can be read, and takes again when there is "
      + "room; the reserve is given up first",
    goal: "integrity ok in 100 % of 500 trials",
    unit: "checks",
    trials: TrialCounts(pr: 40, nightly: 500))

  func run(_ trial: Trial) throws {
    try FaultVFS.install()
    // Few: a service waits a second before it tries again.
    if trial.index % 20 == 7 { return try job(trial) }
    switch trial.index % 4 {
    case 0: try whileMade(trial)
    case 1, 2: try limited(trial)
    default: try trial.inChild { try real($0) }
    }
  }

  /// A new file, whose tables do not get all their room.
  private func whileMade(_ trial: Trial) throws {
    let path = trial.scratch.appending(path: "results.sqlite").path
    let share = Double.random(in: 0..<1, using: &trial.generator)
    let script = StoreScript(count: 8, seed: trial.generator.next())
    let taken = try FaultVFS.room {
      let store = try ResultStore(path: path)
      try script.whole(on: store)
      return store
    }
    let room = Int(share * Double(taken))
    try StoreTemplate.remove(path)
    trial.tell("\(room) bytes of room for a new store")
    FaultVFS.setRoom(room)
    var run = ScriptRun(script)
    var isOpen = true
    do {
      run.all(on: try ResultStore(path: path))
    } catch {
      guard case .full = error else { throw Finding("said \"\(error)\", not that it is full") }
      trial.count()
      isOpen = false
    }
    if isOpen { try expectFull(run) }
    FaultVFS.clear()
    try StoreAudit.reopen(path, script, run.fates, "\(room) bytes of room for a new store")
    trial.count(run.fates.count + 1)
  }

  /// A store that was made before, and then the room ends, and comes back while it is open.
  private func limited(_ trial: Trial) throws {
    let path = trial.scratch.appending(path: "results.sqlite").path
    let template = try StoreTemplate(in: trial.scratch, steps: 10, seed: trial.generator.next())
    let count = Int.random(in: 20...60, using: &trial.generator)
    let share = Double.random(in: 0..<1, using: &trial.generator)
    var script = StoreScript(count: count, seed: trial.generator.next(), batchesMax: 400)
    script.kept = trial.steps(of: count)
    for number in script.kept { trial.tell("step \(number): \(script.steps[number])") }
    let room = try script.room(share, after: template, at: path)
    trial.tell("\(room) bytes of room")
    try template.copy(to: path)
    let store = try ResultStore(path: path)
    FaultVFS.setRoom(room)
    var run = ScriptRun(script)
    run.all(on: store)
    try expectFull(run)
    trial.figure("refused for want of room", Double(run.errors))
    // While it is full, all that was stored can be read.
    try StoreAudit(store, script).check(run.fates)
    FaultVFS.clear()
    try StoreAudit.reopen(
      path, script, run.fates, before: template.before, "\(room) bytes of room")
    let record = script.content.record(90_000, rows: 1, batches: 4)
    try store.append(record)
    try trial.expect(
      try store.session(record.report.session), is: record, "what the open store took later")
    trial.count(run.fates.count)
  }

  /// In a child: a file system of its own that fills up, with and without a reserve.
  private func real(_ trial: Trial) throws {
    let disk = trial.scratch.appending(path: "disk", directoryHint: .isDirectory)
    let bytes = Int.random(in: 1...8, using: &trial.generator) << 20
    let hasReserve = trial.index / 4 % 2 == 0
    // Far more than the largest disk takes, whatever is drawn: it ends after some errors.
    let script = StoreScript(count: 1200, seed: trial.generator.next(), batchesMax: 2000)
    try SmallDisk.mount(disk, bytes: bytes)
    let path = disk.appending(path: "results.sqlite").path
    let filler = disk.appending(path: "filler")
    try Data(repeating: 1, count: bytes / 8).write(to: filler)
    var run = ScriptRun(script)
    do {
      let store = try ResultStore(path: path)
      if hasReserve {
        try trial.expect(try store.keepReserve(bytes: bytes / 8), "no reserve was made")
      }
      run.all(on: store, errorsMax: 10)
      try expectFull(run)
      try trial.expect(!store.hasReserve, "the disk is full, and the reserve still there")
      try StoreAudit(store, script).check(run.fates)
    }
    try reopenFull(path, trial)
    try FileManager.default.removeItem(at: filler)
    try StoreAudit.reopen(path, script, run.fates, "\(bytes) bytes of disk")
    trial.count(run.fates.count)
  }

  /// Opened on a full disk it works, or says that the disk is full.
  private func reopenFull(_ path: String, _ trial: Trial) throws {
    do {
      _ = try ResultStore(path: path).sessions(limit: 5)
    } catch {
      try trial.expect(error == .full(path: path), "opened on a full disk: \(error)")
    }
  }

  /// A job ends while there is no room: who is told of its end finds it stored.
  private func job(_ trial: Trial) throws {
    let path = trial.scratch.appending(path: "results.sqlite").path
    let (program, seed) = (trial.program, trial.generator.next())
    trial.tell("a job ends without room")
    defer { FaultVFS.clear() }
    let end = try Waiting.forResult { () -> Job? in
      let service = JobService.ofTrial(try ResultStore(path: path), program)
      try await service.start()
      let request = JobRequest(
        scenario: Scenario(
          workload: "control", backends: ["native"], blocks: 20, batchesPerVisit: 2,
          batchNanoseconds: 1_000_000, seed: seed))
      let id = try await service.submit(request, client: "trial", key: nil).job.id
      let room = Task {
        // There is room again when the service has met that there is none.
        while await service.obstacle() == nil { try await Task.sleep(for: .milliseconds(1)) }
        FaultVFS.clear()
      }
      var (isFull, end): (Bool, Job?) = (false, nil)
      for await update in try await service.updates(job: id) {
        switch update {
        case .state(let job) where job.state.isFinal: end = job
        // By then it is stored that it runs.
        case .block where !isFull:
          isFull = true
          FaultVFS.setRoom(0)
        default: break
        }
      }
      room.cancel()
      if let end { try Self.expectStored(end, path) }
      FaultVFS.clear()
      await service.drain(deadline: .seconds(60))
      return end
    }
    try trial.expect(end?.state, is: .done, "a job that waited for room")
  }

  private static func expectStored(_ job: Job, _ path: String) throws {
    let store = try ResultStore(path: path, readOnly: true)
    let kept = try store.job(job.id)?.state
    guard let session = job.session, kept == job.state else {
      throw Finding(
        "a job is told as \(job.state), and stored as \(kept.map { "\($0)" } ?? "none")")
    }
    guard try store.session(session).report.session == session else {
      throw Finding("session \(session) is another's")
    }
  }

  /// A disk that takes all is none that was tried.
  private func expectFull(_ run: ScriptRun) throws(Finding) {
    guard let error = run.firstError else { throw Finding("the disk took it all") }
    guard case .full = error else { throw Finding("said \"\(error)\", not that it is full") }
  }
}
