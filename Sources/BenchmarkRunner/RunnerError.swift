// What can be wrong with a scenario or a run, each with its mend and its exit code.

public import Executor

/// Why a run did not happen.
public enum RunnerError: Error, Hashable, Sendable {
  case unknownWorkload(String, nearest: String?)
  case unknownBackend(String, nearest: String?)
  case unknownParameter(String, workload: String, nearest: String?)
  case unknownStackSource(String, nearest: String?)
  case outOfRange(what: String, value: Int, least: Int, most: Int)

  /// Bytes that a run needs, and what it may take of what is there.
  case tooLittleMemory(what: String, needed: Int, allowed: Int)
  case badQuantity(what: String, text: String, wanted: String)

  /// A place in a scenario or configuration file, what is wrong there, and what would be right.
  case badFile(file: String, line: Int, column: Int, fact: String, mend: String)
  case noSuchFile(String)
  case unreadableFile(String, reason: String)

  /// A file that says what to do, and that somebody else may have written.
  case exposedFile(String, fact: String, mend: String)

  /// The worker failed before anything could be measured.
  case worker(ExecutorError)
  case otherProtocol(theirs: Int, ours: Int)

  /// The code that a process ends with because of this error.
  public var exitCode: Int32 {
    switch self {
    case .unknownWorkload, .unknownBackend, .unknownParameter, .unknownStackSource, .outOfRange,
      .tooLittleMemory, .badQuantity, .badFile:
      64
    case .noSuchFile: 5
    case .unreadableFile, .exposedFile: 6
    case .worker: 1
    case .otherProtocol: 8
    }
  }
}

extension RunnerError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unknownWorkload(let name, let nearest):
      "unknown workload \(name); \(Self.hint(nearest, "workload list"))"
    case .unknownBackend(let name, let nearest):
      "unknown backend \(name); \(Self.hint(nearest, "backend list"))"
    case .unknownParameter(let name, let workload, let nearest):
      "\(workload) has no parameter \(name); \(Self.hint(nearest, "workload describe \(workload)"))"
    case .unknownStackSource(let name, let nearest):
      "unknown stack source \(name); "
        + (nearest.map { "did you mean \($0)?" } ?? "give a size alone, as in 64KiB")
    case .outOfRange(let what, let value, let least, let most):
      "\(what) is \(value); choose from \(least) to \(most)"
    case .tooLittleMemory(let what, let needed, let allowed):
      "\(what) needs about \(needed >> 20) MiB, and may take \(allowed >> 20) MiB here;"
        + " ask for fewer coroutines or backends"
    case .badQuantity(let what, let text, let wanted):
      "\(what) is `\(text)`; write \(wanted)"
    case .badFile(let file, let line, let column, let fact, let mend):
      "\(file):\(line):\(column): \(fact); \(mend)"
    case .noSuchFile(let path): "no file \(path); check the path"
    case .unreadableFile(let path, let reason):
      "cannot read \(path): \(reason); check its permissions"
    case .exposedFile(let path, let fact, let mend): "\(path) is not trusted: \(fact); \(mend)"
    case .worker(let error): error.description
    case .otherProtocol(let theirs, let ours):
      "the worker speaks protocol \(theirs), not \(ours); build both from one commit"
    }
  }

  private static func hint(_ nearest: String?, _ command: String) -> String {
    nearest.map { "did you mean \($0)?" } ?? "see `greenbench \(command)`"
  }
}
