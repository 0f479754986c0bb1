// The errors that programs throw, the short names of errors, and how values are written in a trace.

import Greenlets

/// An error of the program, with its label.
struct ProgramError: Error { let label: String }

/// An exit of the program; an exit without a label is the library's own.
class ProgramExit: GreenletExit, @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the label never changes.
  let label: String

  init(_ label: String) { self.label = label }
}

final class OtherExit: ProgramExit, @unchecked Sendable {}

/// The error that a label stands for.
func fault(_ label: String) -> any Error {
  switch label.first {
  case "x": label == "x0" ? GreenletExit() : ProgramExit(label)
  case "y": OtherExit(label)
  default: ProgramError(label: label)
  }
}

/// The name that an error has in both libraries.
func label(of error: any Error) -> String {
  switch error {
  case let error as ProgramError: return error.label
  case let exit as GreenletExit: return label(of: exit)
  case let refusal as GreenletError:
    switch refusal {
    case .wrongThread: return "thread"
    case .cyclicParent: return "cycle"
    case .mainHasNoParent: return "main"
    default: return String("\(refusal)".prefix { $0 != ";" })
    }
  default: return "\(error)"
  }
}

func label(of exit: GreenletExit) -> String { (exit as? ProgramExit)?.label ?? "x0" }

func rendered(_ value: Any) -> String {
  switch value {
  case is Void: "n"
  case let number as Int: "i\(number)"
  case let text as String: "s\(text)"
  case let numbers as [Int]: "t" + Value.list(numbers)
  case let exit as GreenletExit: label(of: exit)
  default: "\(type(of: value))"
  }
}

extension Value {
  /// What a body returns for it.
  var payload: Any {
    switch self {
    case .none: ()
    case .int(let number): number
    case .text(let text): text
    case .tuple(let numbers), .several(let numbers): numbers
    }
  }
}
