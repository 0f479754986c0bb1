// What can go wrong between a runner and an executor.

public import Reports

/// Why a question to an executor has no answer.
///
/// After every case except `refused` the executor is gone: it died, or it was killed.
public enum ExecutorError: Error, Hashable, Sendable {
  /// The process could not be started at all.
  case couldNotStart(executable: String, reason: String)

  /// The process ended without being asked to.
  ///
  /// With what it said before, as far as it could.
  case crashed(Ending, CrashNote = CrashNote())

  /// The process ended because a stack was too small, and said so.
  case overflowed(OverflowNote, Ending)

  /// The process was silent past the deadline, and was killed with SIGKILL.
  case hung(deadline: Duration)

  /// The process wrote something that is not of the protocol, and was killed.
  case garbled(String)

  /// The process understood the question and declined.
  case refused(ExecutorFault)

  /// The client was stopped before the answer came.
  case stopped

  /// How a process ended.
  public enum Ending: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    public var description: String {
      switch self {
      case .exited(let code): "exit code \(code)"
      case .signalled(let number): "signal \(number)" + Ending.suffix(number)
      }
    }

    private static func suffix(_ number: Int32) -> String {
      let names: [Int32: String] = [
        1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT",
        7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM",
      ]
      return names[number].map { " (\($0))" } ?? ""
    }
  }

  /// What happened, without the advice, for a row of a table.
  public var fact: String {
    switch self {
    case .couldNotStart(let executable, let reason): "cannot start \(executable): \(reason)"
    case .crashed(let ending, let note):
      "worker died: \(ending)" + (note.name.map { " in \"\($0)\" \(note.details ?? "")" } ?? "")
    case .overflowed(let note, let ending):
      "stack overflow in \(note.name) \(note.details); worker died: \(ending)"
    case .hung(let deadline): "worker hung: silent for \(Self.seconds(deadline)), killed"
    case .garbled(let what): "worker spoke nonsense: \(what), killed"
    case .refused(let fault): "worker refused: \(fault.message)"
    case .stopped: "the worker was stopped"
    }
  }

  /// The calls that led to a death, innermost first, a line each; nil where they are not known.
  public var backtrace: String? {
    let calls =
      switch self {
      case .crashed(_, let note): note.calls
      case .overflowed(let note, _): note.calls
      case .couldNotStart, .hung, .garbled, .refused, .stopped: [String]()
      }
    return calls.isEmpty ? nil : calls.joined(separator: "\n")
  }

  /// What the process said last, of whatever kind it was; nil where it said nothing.
  public var lastWords: String? {
    if case .crashed(_, let note) = self { note.lastWords } else { nil }
  }

  private static func seconds(_ duration: Duration) -> String {
    let (whole, atto) = duration.components
    let milliseconds = Int(whole) * 1000 + Int(atto / 1_000_000_000_000_000)
    return milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
  }
}

extension ExecutorError: CustomStringConvertible {
  public var description: String { sentence(of: "greenbench") }

  /// What happened, and what to do about it.
  ///
  /// - Parameter program: What was started: it need not be ours.
  /// - Returns: One sentence.
  public func sentence(of program: String) -> String {
    switch self {
    case .couldNotStart: "\(fact); check that the file exists and may be executed"
    case .crashed, .garbled: "\(fact); run it by hand with `\(program) worker` to see why"
    case .overflowed: "\(fact); choose a larger stack"
    case .hung: "\(fact); try smaller parameters or shorter batches"
    case .refused: "\(fact); ask for something it offers"
    case .stopped: "\(fact); start it again"
    }
  }
}
