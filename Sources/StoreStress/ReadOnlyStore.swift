// Stores that may not be written: by mode, by file system, by quota.

import DaemonAPI
import Foundation
import ResultStore
import StressKit

struct ReadOnlyStore: StressClass {
  let about = StressClassAbout(
    name: "read-only",
    injection:
      "the file or its folder may not be written, its file system is read-only, a quota is up",
    expectation: "an error that names the file and the mend; every byte is as it was",
    goal: "every case, told and unchanged",
    unit: "checks",
    trials: TrialCounts(pr: Case.allCases.count * 2, nightly: Case.allCases.count * 40))

  private enum Case: String, CaseIterable {
    case file, folder, both, noFolder, fileSystem, quota
  }

  func run(_ trial: Trial) throws {
    try FaultVFS.install()
    let one = Case.allCases[trial.index % Case.allCases.count]
    trial.tell(one.rawValue)
    // For whoever has to get in without the rights of the superuser.
    for folder in [trial.scratch, trial.scratch.deletingLastPathComponent()] {
      try setMode(folder.path, 0o755)
    }
    switch one {
    case .quota: try quota(trial)
    default: try trial.inChild { try refused(one, $0) }
    }
  }

  private func refused(_ one: Case, _ trial: Trial) throws {
    let disk = trial.scratch.appending(path: "disk", directoryHint: .isDirectory)
    if one == .fileSystem {
      try SmallDisk.mount(disk, bytes: 4 << 20)
    } else {
      try FileManager.default.createDirectory(at: disk, withIntermediateDirectories: true)
    }
    let template = try StoreTemplate(in: disk, steps: 10, seed: trial.generator.next())
    let path = template.file.path
    let before = try contents(of: disk)
    switch one {
    case .fileSystem: try SmallDisk.makeReadOnly(disk)
    case .file: try setMode(path, 0o444)
    case .folder:
      try setMode(path, 0o444)
      try setMode(disk.path, 0o555)
    case .both:
      try setMode(path, 0o400)
      try setMode(disk.path, 0o500)
    case .noFolder: try setMode(disk.path, 0o555)
    case .quota: break
    }
    try setMode(trial.scratch.path, 0o755)
    try SmallDisk.asNobody {
      let target = one == .noFolder ? disk.appending(path: "new/results.sqlite").path : path
      do {
        let store = try ResultStore(path: target)
        try store.appendEvent(.workerDied, message: "never", at: 1)
        throw Finding("it was written")
      } catch let error as StoreError {
        try expectMend(error, target, trial)
      }
      // To read may work or not; either way it is told, and nothing changes.
      if one != .noFolder { try read(target, template.before, trial) }
    }
    try setMode(disk.path, 0o755, unless: one == .fileSystem)
    try setMode(path, 0o600, unless: one == .fileSystem)
    try trial.expect(try contents(of: disk) == before, "something was changed")
  }

  private func read(_ path: String, _ before: StoreScript, _ trial: Trial) throws {
    do {
      try StoreAudit(ResultStore(path: path, readOnly: true), before).checkKept()
      trial.count()
    } catch let error as StoreError {
      try expectMend(error, path, trial)
    }
  }

  /// The quota of a user is up in the middle of a script.
  private func quota(_ trial: Trial) throws {
    let template = try StoreTemplate(in: trial.scratch, steps: 10, seed: trial.generator.next())
    let path = trial.scratch.appending(path: "results.sqlite").path
    let script = StoreScript(count: 24, seed: trial.generator.next(), batchesMax: 300)
    let share = Double.random(in: 0..<1, using: &trial.generator)
    let room = try script.room(share, after: template, at: path)
    trial.tell("\(room) bytes are left of the quota")
    try template.copy(to: path)
    let store = try ResultStore(path: path)
    FaultVFS.setRoom(room, error: EDQUOT)
    var run = ScriptRun(script)
    run.all(on: store)
    // A quota that leaves room for all is none that was tried.
    guard let error = run.firstError else { throw Finding("\(room) bytes were enough") }
    try trial.expect("\(error)".contains("quota"), "no word of a quota: \(error)")
    try expectMend(error, path, trial)
    FaultVFS.clear()
    try StoreAudit.reopen(path, script, run.fates, before: template.before, "\(room) bytes left")
    trial.count(run.fates.count)
  }

  private func expectMend(_ error: StoreError, _ path: String, _ trial: Trial) throws {
    let text = "\(error)"
    let folder = URL(filePath: path).deletingLastPathComponent().path
    try trial.expect(
      text.contains(path) || text.contains(folder), "the error does not name the file: \(text)")
    try trial.expect(
      text.contains("; ") && text.contains("--store"), "the error has no mend: \(text)")
    try trial.expect(error.exitCode != 0 && error.exitCode != 8, "exit code \(error.exitCode)")
  }

  private func contents(of folder: URL) throws -> [String: Data] {
    var contents: [String: Data] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where !name.hasSuffix("-shm") {
      let data = try Data(contentsOf: folder.appending(path: name))
      if !data.isEmpty { contents[name] = data }
    }
    return contents
  }

  private func setMode(_ path: String, _ mode: Int, unless isLeft: Bool = false) throws {
    if isLeft { return }
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }
}
