// A daemon of a trial's own: its folder, its life and its deaths.

import DaemonAPI
import Executor
import Foundation
import Glibc
import StressKit

/// `greenbench daemon run` in the trial's folder.
final class DaemonUnderTest {
  let program: String
  let folder: URL
  let paths: RuntimePaths
  let store: String
  private let configurationFile: URL
  private let arguments: [String]

  /// Words before a program that make it this daemon's user's.
  let prefix: [String]

  /// Whose it is; nil for the trial's own user.
  private let user: UInt32?
  private(set) var child: OwnedChild?

  /// For what has to come and may take long on a machine that others use, in seconds.
  static let patience = 60.0

  /// Names its folders; nothing is started yet.
  ///
  /// - Parameters:
  ///   - trial: In whose folder it lives.
  ///   - name: Of its folder in the trial's; one letter, for the kernel takes short paths only.
  ///   - configuration: The text of its file.
  ///   - arguments: Of `daemon run`.
  ///   - user: Whose it is to be, if not the trial's; for root.
  /// - Throws: `Skip` where its socket's path would be too long.
  init(
    _ trial: Trial, name: String = "d", configuration: String = "", arguments: [String] = [],
    user: UInt32? = nil
  ) throws {
    program = trial.program
    self.user = user
    folder = trial.scratch.appending(path: name, directoryHint: .isDirectory)
    paths = RuntimePaths(folder: folder.appending(path: "r").path)
    store = folder.appending(path: "results.sqlite").path
    configurationFile = folder.appending(path: "daemon.yaml")
    self.arguments = arguments
    prefix =
      user.map { ["/usr/bin/setpriv", "--reuid=\($0)", "--regid=\($0)", "--clear-groups"] } ?? []
    let bytes = paths.socket.utf8.count
    guard bytes <= RuntimePaths.socketBytesMax else {
      throw Skip(
        "the socket's path has \(bytes) bytes, the kernel takes \(RuntimePaths.socketBytesMax);"
          + " set TMPDIR to a shorter folder")
    }
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    try configure(configuration)
    if let user { try give(to: user) }
  }

  private func give(to user: UInt32) throws {
    for path in [folder.path, configurationFile.path] {
      try FileManager.default.setAttributes([.ownerAccountID: Int(user)], ofItemAtPath: path)
    }
  }

  /// Whether its user can run the program at all.
  func canBeRun() -> Bool {
    let child = OwnedChild(
      OwnedChild.Start(
        program: program, arguments: ["version"], environment: environment, prefix: prefix))
    return child.wait(Self.patience) == .exited(0)
  }

  /// Writes the configuration that the next start or SIGHUP reads.
  func configure(_ text: String) throws {
    let fresh = folder.appending(path: "fresh.yaml")
    try Data(text.utf8).write(to: fresh)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: fresh.path)
    guard Files.replace(configurationFile.path, with: fresh.path) else {
      throw Finding("the configuration could not be put in its place")
    }
  }

  var environment: [String: String] {
    [
      "HOME": folder.path, "GREENBENCH_RUNTIME_DIR": paths.folder, "GREENBENCH_DB": store,
      "XDG_STATE_HOME": folder.appending(path: "state").path,
      "XDG_CONFIG_HOME": folder.appending(path: "config").path,
      "GREENBENCH_DAEMON_CONFIG": configurationFile.path, "SWIFT_BACKTRACE": "enable=no",
    ]
  }

  // MARK: Its life

  var pid: Int32 {
    get throws {
      guard let pid = child?.pid else { throw gone() }
      return pid
    }
  }

  /// Starts the process, and waits for nothing.
  func spawn() {
    child = OwnedChild(
      OwnedChild.Start(
        program: program, arguments: ["daemon", "run"] + arguments, environment: environment,
        prefix: prefix))
  }

  /// Starts it.
  ///
  /// - Returns: How many seconds it took until it was ready.
  @discardableResult func start() throws -> Double {
    let begin = ContinuousClock.now
    spawn()
    try awaitReady()
    return (ContinuousClock.now - begin) / .seconds(1)
  }

  /// Waits until jobs can be submitted.
  func awaitReady() throws {
    var last = "no socket"
    try eventually("the daemon is not ready") {
      guard child?.isOver == false else { throw gone() }
      do {
        let answer = try Wire(paths.socket, as: user).ask("GET", "/readyz")
        last = answer.text
        return answer.status == 200
      } catch {
        last = "\(error)"
        return false
      }
    } because: {
      last
    }
  }

  /// Waits until something that has no event of its own is so.
  ///
  /// It is looked at every few milliseconds; how long that takes decides nothing.
  func eventually(
    _ otherwise: String, _ isSo: () throws -> Bool, because reason: () -> String = { "" }
  ) throws {
    let end = ContinuousClock.now + .seconds(Self.patience)
    while try !isSo() {
      guard ContinuousClock.now < end else {
        throw Finding("\(otherwise) after \(Int(Self.patience)) s; \(reason())\n\(log)")
      }
      usleep(2000)
    }
  }

  /// kill -9, and nothing else.
  func kill() { child?.end() }

  func signal(_ number: Int32) { child?.signal(number) }

  /// Waits for its end.
  func ending() throws -> OwnedChild.Ending {
    guard let ending = child?.wait(Self.patience) else {
      throw Finding("the daemon did not end within \(Int(Self.patience)) s\n\(log)")
    }
    return ending
  }

  /// Asks it to stop, and waits until it has.
  func stop(_ trial: Trial) throws {
    signal(SIGTERM)
    try trial.require(try ending(), is: .exited(0), "the end of a daemon that was asked to stop")
    try awaitNobody()
  }

  private func gone() -> Finding {
    Finding(
      "the daemon ended by itself with \(child?.wait(0).map { "\($0)" } ?? "nothing")\n\(log)")
  }

  /// What it said, as far as it helps.
  var log: String {
    (child?.complaints ?? "").split(separator: "\n").suffix(40).joined(separator: "\n")
  }

  // MARK: What belongs to it

  /// All processes that were started for this folder, in whatever way.
  var processes: [Int32] { ProcessFacts.started(with: "GREENBENCH_RUNTIME_DIR=\(paths.folder)\0") }

  /// Waits until no process of it is left.
  func awaitNobody() throws {
    try eventually("processes outlive their daemon") {
      processes.isEmpty
    } because: {
      "\(processes)"
    }
  }

  /// Ends all that is left of it, whatever it is.
  func remove() {
    if let child, !child.isOver { child.end() }
    for pid in processes { _ = Glibc.kill(pid, SIGKILL) }
  }

  // MARK: Questions

  func wire() throws -> Wire {
    do {
      return try Wire(paths.socket, as: user)
    } catch {
      throw child?.isOver == true ? gone() : Finding("\(error)\n\(log)")
    }
  }

  func status() throws -> DaemonStatus { try wire().status() }

  /// The process of a worker that is idle or at work.
  func awaitWorker() throws -> Int32 {
    var found: Int32?
    try eventually("there is no worker") {
      found =
        try status().workers.first { $0.state == .idle || $0.state == .measuring }?.pid
      return found != nil
    }
    guard let found else { throw Finding("there is no worker") }
    return found
  }

  /// Waits until nothing runs and nothing waits.
  func awaitIdle() throws {
    let wire = try wire()
    try eventually("jobs do not come to an end") {
      let queue = try wire.status().queue
      return queue.queued == 0 && queue.running == nil
    }
  }

  // MARK: Its clients

  /// Starts the program as a client of this daemon.
  func client(_ arguments: [String], _ more: [String: String] = [:]) -> OwnedChild {
    OwnedChild(
      OwnedChild.Start(
        program: program, arguments: arguments, environment: environment.merging(more) { $1 }))
  }

  /// How a client ended.
  struct Outcome {
    let ending: OwnedChild.Ending
    let output: String
    let complaint: String

    /// For a sentence.
    var said: String { "\(ending); \(complaint.suffix(400))" }
  }

  /// Runs the program to its end as a client of this daemon.
  func greenbench(_ arguments: [String], _ more: [String: String] = [:]) throws -> Outcome {
    let child = client(arguments, more)
    guard let ending = child.wait(Self.patience * 2) else {
      child.end()
      throw Finding("`greenbench \(arguments.joined(separator: " "))` does not end")
    }
    return Outcome(ending: ending, output: child.output, complaint: child.complaints)
  }
}
