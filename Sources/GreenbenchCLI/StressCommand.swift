// `greenbench stress`: the classes of faults, and what is asked of them.

import ArgumentParser
import BenchmarkRunner
import DaemonStress
import EngineStress
import Foundation
import Reports
import StoreStress
import StressKit
import StressRunner

/// `greenbench stress list|run|replay`.
struct StressCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stress", abstract: "Breaks things on purpose, and sees that they do not break.",
    subcommands: [
      StressListCommand.self, StressRunCommand.self, StressReplayCommand.self,
      StressTrialCommand.self,
    ])
}

/// All classes there are.
enum StressClasses {
  static let all: [any StressClass] = EngineClasses.all + StoreClasses.all + DaemonClasses.all

  /// The class of a name.
  static func named(_ name: String) throws -> any StressClass {
    guard let found = all.first(where: { $0.about.name == name }) else {
      let near = Nearest.name(to: name, among: all.map(\.about.name))
      let hint = near.map { ", did you mean \"\($0)\"?" } ?? ""
      throw ValidationError(
        "there is no stress class \"\(name)\"\(hint); `greenbench stress list` names them")
    }
    return found
  }

  /// What a report says of the machine and this program.
  static var machine: [String: String] {
    var facts = Environment.fingerprint(runtime: "greenbench")
    let source = Stamp.source(of: ThisProgram.path)
    facts["commit"] = source.commit
    facts["dirty"] = source.dirty ? "yes" : "no"
    return facts
  }

  private static let scratchPrefix = "greenbench-stress-\(getuid())-"

  /// Where trials make their files.
  static var scratch: URL {
    FileManager.default.temporaryDirectory.appending(
      path: scratchPrefix + "\(ProcessInfo.processInfo.processIdentifier)",
      directoryHint: .isDirectory)
  }

  /// Removes what runs that were killed have left; a number that another process has now is left alone.
  private static func removeAbandoned() {
    let folder = FileManager.default.temporaryDirectory
    // Where nothing can be listed, nothing can be made, which is told in its turn.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    where name.hasPrefix(scratchPrefix) {
      guard let pid = Int32(name.dropFirst(scratchPrefix.count)), pid > 0, kill(pid, 0) != 0,
        errno == ESRCH
      else { continue }
      let path = folder.appending(path: name, directoryHint: .notDirectory)
      // A link, or somebody else's.
      let facts = try? FileManager.default.attributesOfItem(atPath: path.path)
      guard facts?[.type] as? FileAttributeType == .typeDirectory,
        facts?[.ownerAccountID] as? NSNumber == NSNumber(value: getuid())
      else { continue }
      Scratch.remove(path)
    }
  }

  /// Makes it, and sees to it that trials have room: one that meets a full disk says that the program
  /// is wrong.
  static func makeScratch() throws {
    removeAbandoned()
    let path = scratch.path
    do {
      // Some trials are another user, who has to come through.
      try FileManager.default.createDirectory(
        at: scratch, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
      let facts = try FileManager.default.attributesOfFileSystem(forPath: path)
      guard let free = facts[.systemFreeSize] as? NSNumber, free.int64Value < roomMin else {
        return
      }
    } catch {
      throw ValidationError("\(path) cannot be made; set TMPDIR to a folder of yours")
    }
    removeScratch()
    throw ValidationError(
      "\(path) has less than \(roomMin >> 20) MiB of room; free some, or set TMPDIR to another folder"
    )
  }

  /// What trials that run beside one another may need, in bytes.
  private static let roomMin: Int64 = 512 << 20

  /// Removes what the trials of this process left.
  static func removeScratch() {
    Scratch.remove(scratch)
  }
}

/// `greenbench stress list`.
struct StressListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists the classes, with how often each profile tries them.")

  @Flag(help: "Also tell what is put wrong, what must happen, and the goal.")
  var long = false

  func run() throws {
    for one in StressClasses.all.map(\.about) {
      if long {
        print("\(one.name)\n  puts wrong: \(one.injection)\n  must be:    \(one.expectation)")
        print("  goal:       \(one.goal)")
        print(
          "  trials:     \(one.trials.pr) pr, \(one.trials.nightly) nightly, \(one.trials.soak) soak"
        )
      } else {
        let name = one.name.padding(toLength: 22, withPad: " ", startingAt: 0)
        let trials = "\(one.trials.pr)/\(one.trials.nightly)/\(one.trials.soak)"
          .padding(toLength: 20, withPad: " ", startingAt: 0)
        print("\(name)\(trials)\(one.injection)")
      }
    }
  }
}

/// `greenbench stress trial`: the process that makes trials, for `stress run` to start.
struct StressTrialCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trial", abstract: "Makes trials of one class, for `stress run`.",
    shouldDisplay: false)

  @Argument var token: String
  @Option var count = 1
  @Option(transform: ProfileText.parse) var profile = StressProfile.pr
  @Option var scratch: String
  @Option var executor: String?
  @Flag var aloud = false

  func run() throws {
    guard let first = TrialToken(token) else { throw StressReplayCommand.refusal(token) }
    let theClass = try StressClasses.named(first.className)
    let (aloud, profile, count, executor) = (aloud, profile, count, executor)
    let scratch = URL(filePath: scratch, directoryHint: .isDirectory)
    try TrialThread.run {
      try TrialServer.serve(
        theClass, first: first, count: count, profile: profile, scratch: scratch,
        program: ThisProgram.path, executor: executor,
        whenTold: aloud
          ? { GreenbenchCommand.tell("step: \($0)") } : nil,
        tell: { line in
          do {
            try FileHandle.standardOutput.write(contentsOf: Data((try line.text + "\n").utf8))
          } catch {
            // Nobody asks any more.
            _exit(ExitCodes.interrupted.rawValue)
          }
        })
    }
  }
}

/// A thread with an ordinary stack: those of Swift's tasks are no place for what blocks or faults.
enum TrialThread {
  static func run(_ body: @escaping @Sendable () throws -> Void) throws {
    let done = DispatchSemaphore(value: 0)
    let result = OneResult()
    let thread = Thread {
      result.value = Result(catching: body)
      done.signal()
    }
    thread.stackSize = 8 << 20
    thread.start()
    done.wait()
    try result.value?.get()
  }

  private final class OneResult: @unchecked Sendable {
    // SAFETY (@unchecked Sendable): written before the semaphore is signalled, read after it was waited for.
    var value: Result<Void, any Error>?
  }
}
