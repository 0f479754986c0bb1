// A child process to fault in: it may die of anything, and is heard out.

import CContexts
import CFaults
import Foundation
import StressKit

/// How a child ended.
struct ChildOutcome {
  /// The exit code, or 256 and the signal.
  let end: Int32

  /// What it wrote to standard error.
  let said: String
}

/// Children of the process that makes trials, which share what it had until then.
///
/// The child has one thread. What it does must not need another one.
enum ForkedChild {
  /// How long a child may take, in seconds: one that hangs must not outlive its trial.
  private static let secondsMax: UInt32 = 50

  /// Runs `body` in a child, to its end or the child's.
  static func run(_ body: () -> Void) throws -> ChildOutcome {
    let pipe = Pipe()
    fflush(nil)
    let child = gb_fork()
    if child == 0 {
      prepare(pipe.fileHandleForWriting.fileDescriptor)
      body()
      _exit(0)
    }
    pipe.fileHandleForWriting.closeFile()
    guard child > 0 else { throw Finding("no child could be made: errno \(errno)") }
    let said = pipe.fileHandleForReading.readDataToEndOfFile()
    pipe.fileHandleForReading.closeFile()
    return ChildOutcome(end: status(of: child), said: String(decoding: said, as: UTF8.self))
  }

  /// Makes the rest of a trial in a child, and takes over what it counted and found.
  static func finish(_ trial: Trial, _ body: (Trial) throws -> Void) throws {
    let file = trial.scratch.appending(path: "result")
    let outcome = try run {
      let verdict: TrialResult.Verdict
      do {
        try body(trial)
        verdict = .passed
      } catch let skip as Skip {
        verdict = .skipped(skip.reason)
      } catch {
        verdict = .failed("\(error)")
      }
      do {
        try TrialLine.ended(TrialResult(trial, verdict)).text
          .write(to: file, atomically: false, encoding: .utf8)
      } catch {
        _exit(4)
      }
    }
    FileHandle.standardError.write(Data(outcome.said.utf8))
    // Without a file it died before: its end says of what.
    guard outcome.end == 0, let data = FileManager.default.contents(atPath: file.path),
      case .ended(let result)? = TrialLine(String(decoding: data, as: UTF8.self))
    else {
      throw Finding("the child ended with \(outcome.end), and said: \(outcome.said)")
    }
    trial.count(result.checks - trial.checks)
    for (name, value) in result.figures { trial.figure(name, value) }
    for (name, text) in result.artefacts { trial.attach(name, text) }
    switch result.verdict {
    case .passed: return
    case .failed(let what): throw Finding(what)
    case .skipped(let reason): throw Skip(reason)
    }
  }

  /// Makes a child what nothing is inherited by that would change its end.
  private static func prepare(_ standardError: Int32) {
    gb_die_with_parent()
    alarm(secondsMax)
    dup2(standardError, 2)
    // What is printed there would be taken for a line of a trial.
    let nowhere = unsafe open("/dev/null", O_WRONLY | O_CLOEXEC)
    if nowhere >= 0 { dup2(nowhere, 1) }
    // A core for each trial would cost more than the trial.
    gb_no_core()
    var core = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &core)
    core.rlim_cur = min(core.rlim_cur, 1)
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &core)
    // Swift's own handler of crashes is one more to pass a signal on to, and takes a fifth of a second.
    for number in [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE] { signal(number, SIG_DFL) }
  }

  private static func status(of child: Int32) -> Int32 {
    var status: Int32 = 0
    while unsafe waitpid(child, &status, 0) != child {
      guard errno == EINTR else { return -1 }
    }
    return status & 0x7f == 0 ? (status >> 8) & 0xff : 256 + status & 0x7f
  }
}
