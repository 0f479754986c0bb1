// The option that names an executor for the stress classes, and what is looked at before it is believed.

import ArgumentParser
import Dispatch
import Executor
import Foundation
import Glibc
import Reports
import Synchronization

/// Whose executor is put to the test.
struct StressExecutor: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The executor that the class `executor` asks. Standard: this program's own worker.",
      valueName: "program"))
  var worker: String?

  func validate() throws {
    if let worker { try Self.checkFile(worker) }
  }

  private static func checkFile(_ worker: String) throws {
    let target = URL(filePath: worker).resolvingSymlinksInPath().path
    guard OutputFile.kind(of: target) == .typeRegular,
      FileManager.default.isExecutableFile(atPath: target)
    else {
      throw ValidationError(
        "the worker \(worker) cannot be executed; name a program that speaks the protocol with --worker"
      )
    }
  }

  /// Starts a worker once and kills it: one that is no program is no finding of a trial.
  ///
  /// For a report's worker, too, which may be gone by now.
  static func checkStart(of worker: String) throws {
    try checkFile(worker)
    let (answered, refusal) = (DispatchSemaphore(value: 0), Refusal())
    _ = ChildProcess(worker, arguments: ["worker"], lineBytesMax: ExecutorProtocol.lineBytesMax) {
      piece in
      switch piece {
      case .started(let process): process.end()
      case .couldNotStart(let reason): refusal.reason.withLock { $0 = reason }
      // It is asked nothing, so what it says and how it ends are no matter.
      case .line, .lineTooLong, .complaint, .ended: return
      }
      answered.signal()
    }
    answered.wait()
    if let reason = refusal.reason.withLock({ $0 }) {
      throw ValidationError(
        "the worker \(worker) cannot be started: \(reason); name a program that speaks the protocol "
          + "with --worker")
    }
  }

  private final class Refusal: Sendable {
    let reason = Mutex<String?>(nil)
  }

  /// Sees to it that somebody asks the worker that is named.
  func check(isAskedBy classes: [String]) throws {
    guard worker != nil, !classes.isEmpty, !classes.contains("executor") else { return }
    throw ValidationError(
      "only the class executor asks a --worker; add it to the classes, or leave --worker out")
  }
}
