// What others may have put into a daemon's way: refused, with the right exit code, and left alone.

import DaemonAPI
import Executor
import Foundation
import Glibc
import StressKit

/// Attacks by way of the file system and of the socket, through the program.
struct Attacks: StressClass {
  let about = StressClassAbout(
    name: "attacks",
    injection:
      "links, second names, foreign owners, open modes and wrong kinds of files; other users",
    expectation: "nothing starts, nothing is served, nothing of others is touched",
    goal: "all cases of the table, at least 20",
    unit: "attacks",
    trials: TrialCounts(pr: 3, nightly: 30), secondsMax: 300)

  /// What a trial tries: what cannot be tried here must not take the rest with it.
  private enum Part: CaseIterable { case own, roots, stranger }

  func run(_ trial: Trial) throws {
    let part = Part.allCases[trial.index % Part.allCases.count]
    if part != .own, geteuid() != 0 {
      throw Skip(
        "attacks by another user need root; `sudo greenbench stress run attacks` makes them")
    }
    switch part {
    case .own:
      try attack(AttackCases.all.filter { !$0.needsRoot }, trial)
      try serve(trial)
    case .roots: try attack(AttackCases.all.filter { $0.needsRoot }, trial)
    case .stranger: try meetStranger(trial)
    }
  }

  private func attack(_ cases: [AttackCase], _ trial: Trial) throws {
    var cases = cases
    cases.shuffle(using: &trial.generator)
    for step in trial.steps(of: cases.count) {
      let one = cases[step]
      trial.tell(one.name)
      let scene = try AttackScene(trial, name: "a\(step)")
      defer { scene.daemon.remove() }
      try one.prepare(scene)
      try perform(one, scene, trial)
      trial.count()
    }
  }

  private func perform(_ one: AttackCase, _ scene: AttackScene, _ trial: Trial) throws {
    let outcome: DaemonUnderTest.Outcome
    switch one.way {
    case .daemon(let arguments): outcome = try scene.refusal(["daemon", "run"] + arguments)
    case .command(let arguments): outcome = try scene.outcome(arguments)
    case .served:
      try scene.daemon.start()
      try trial.require(
        try scene.daemon.wire().ask("GET", "/healthz").status, is: 200, "\(one.name): healthz")
      return try scene.daemon.stop(trial)
    }
    try trial.require(
      outcome.ending, is: .exited(one.exit), "\(one.name): \(outcome.complaint) \(outcome.output)")
    try trial.require(
      outcome.complaint.contains(one.words), "\(one.name) is refused with \(outcome.complaint)")
    // What was in the way is as it was.
    for path in scene.precious {
      let text = try String(contentsOfFile: path, encoding: .utf8)
      try trial.require(text, is: AttackScene.treasure, "\(one.name): \(path)")
    }
    try scene.daemon.awaitNobody()
  }

  /// Attacks on a daemon that runs.
  private func serve(_ trial: Trial) throws {
    let scene = try AttackScene(trial, name: "s")
    let daemon = scene.daemon
    defer { daemon.remove() }
    try daemon.start()
    let paths = daemon.paths
    for (path, mode) in [
      (paths.folder, 0o700), (paths.socket, 0o600), (paths.lock, 0o600), (daemon.store, 0o600),
    ] {
      try trial.require(try scene.mode(path), is: mode, "the mode of \(path)")
    }
    let second = try scene.refusal(["daemon", "run"])
    try trial.require(second.ending, is: .exited(75), "a second daemon: \(second.complaint)")
    try trial.require(
      second.complaint.contains("pid \(try daemon.pid)"), "it names another: \(second.complaint)")

    // The dump is a new file, whatever lies at its name.
    try scene.write(scene.treasury)
    try scene.link(paths.dump, to: scene.treasury)
    daemon.signal(SIGUSR1)
    try daemon.eventually("SIGUSR1 writes no dump") {
      // Until the link is gone there is no file of that mode.
      (try? scene.mode(paths.dump)) == 0o600 && scene.isPlain(paths.dump)
    }
    try trial.require(
      try String(contentsOfFile: scene.treasury, encoding: .utf8), is: AttackScene.treasure,
      "what the dump's link pointed at")
    try daemon.stop(trial)
  }

  /// As if the modes of files had failed: what is left are the peer's credentials.
  private func meetStranger(_ trial: Trial) throws {
    let scene = try AttackScene(trial, name: "s")
    defer { scene.daemon.remove() }
    try scene.daemon.start()
    let paths = scene.daemon.paths
    try scene.chmod(paths.folder, 0o711)
    try scene.chmod(paths.socket, 0o666)
    let answer = Result { () throws(WireError) in
      try Wire(paths.socket, as: AttackScene.nobody).ask("GET", "/healthz").status
    }
    switch answer {
    case .success(let status): throw Finding("another user was answered with \(status)")
    case .failure(.refused(EACCES)):
      throw Skip(
        "another user cannot reach \(paths.socket); set TMPDIR to a folder that all may enter")
    case .failure: trial.count()
    }
    let metrics = try scene.daemon.wire().ask("GET", "/metrics").text
    try trial.require(
      metrics.contains(#"greenbench_http_closed_total{reason="foreign"} 1"#),
      "the foreign connection is not counted")
    try scene.chmod(paths.folder, 0o700)
    try scene.daemon.stop(trial)
  }
}

/// A folder, prepared for an attack.
final class AttackScene {
  let daemon: DaemonUnderTest

  /// A user who is nobody's.
  static let nobody: UInt32 = 65534
  static let treasure = "precious"

  /// Files that must not change.
  private(set) var precious: [String] = []

  /// In the place of `$GREENBENCH_RUNTIME_DIR`.
  var runtimeFolder: String?

  init(_ trial: Trial, name: String) throws { daemon = try DaemonUnderTest(trial, name: name) }

  var paths: RuntimePaths { daemon.paths }

  /// A file to point at.
  var treasury: String { daemon.folder.appending(path: "treasury").path }

  private var variables: [String: String] {
    runtimeFolder.map { ["GREENBENCH_RUNTIME_DIR": $0] } ?? [:]
  }

  func outcome(_ arguments: [String]) throws -> DaemonUnderTest.Outcome {
    try daemon.greenbench(arguments, variables)
  }

  /// Runs a daemon that must not serve.
  func refusal(_ arguments: [String]) throws -> DaemonUnderTest.Outcome {
    let child = daemon.client(arguments, variables)
    defer { child.end() }
    try daemon.eventually("a daemon neither serves nor ends") {
      if child.complaints.contains("\"listening\"") {
        throw Finding("a daemon serves in spite of it: \(child.complaints)")
      }
      return child.isOver
    }
    guard let ending = child.wait(DaemonUnderTest.patience) else { throw Finding("it has no end") }
    return DaemonUnderTest.Outcome(
      ending: ending, output: child.output, complaint: child.complaints)
  }

  func makeFolder(_ mode: Int = 0o700) throws {
    try FileManager.default.createDirectory(
      atPath: paths.folder, withIntermediateDirectories: false,
      attributes: [.posixPermissions: mode])
  }

  /// Writes a file that has to stay what it is.
  func write(_ path: String, _ text: String = treasure, mode: Int = 0o600) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
    try chmod(path, mode)
    if text == Self.treasure { precious.append(path) }
  }

  func chmod(_ path: String, _ mode: Int) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  func isPlain(_ path: String) -> Bool {
    // What is not there is none.
    (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
      == .typeRegular
  }

  func giveAway(_ path: String) throws {
    try FileManager.default.setAttributes([.ownerAccountID: Int(Self.nobody)], ofItemAtPath: path)
  }

  func link(_ path: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
  }

  func secondName(_ path: String, of target: String) throws {
    try FileManager.default.linkItem(atPath: target, toPath: path)
  }

  /// A socket at which nobody listens any more.
  func makeSocket() throws {
    let descriptor = Files.listen(paths.socket)
    guard descriptor >= 0 else { throw WireError.refused(-descriptor) }
    close(descriptor)
  }
}
