// What programs send and throw: values of every size, each of which counts what is left of it.

import Greenlets

/// What a message is.
enum ProgramKind: String, CaseIterable {
  case none, word, object, large, huge

  /// What a body or a switch takes that takes all; never sent.
  case any

  /// Sent by the engine alone: an exit that is delivered as a value.
  case exit

  static let sent: [ProgramKind] = [.none, .word, .object, .large, .huge]
}

/// What is thrown: errors of the program, and refusals by their case.
enum ProgramFault: Int, CaseIterable, CustomStringConvertible {
  case first, second, exit, ownExit
  case typeMismatch, cyclicParent, mainHasNoParent, noBody, noStack, exitSwallowed, injected
  case notOnItsStack, stranger

  static let raised: [ProgramFault] = [.first, .second, .exit, .ownExit]

  var isExit: Bool { self == .exit || self == .ownExit }

  var description: String {
    switch self {
    case .first: "error 1"
    case .second: "error 2"
    case .exit: "an exit"
    case .ownExit: "an exit of its own"
    case .typeMismatch: "typeMismatch"
    case .cyclicParent: "cyclicParent"
    case .mainHasNoParent: "mainHasNoParent"
    case .noBody: "noBody"
    case .noStack: "noStack"
    case .exitSwallowed: "exitSwallowed"
    case .injected: "injected"
    case .notOnItsStack: "notOnItsStack"
    case .stranger: "an error that nobody threw"
    }
  }

  /// The error that it stands for.
  func error(_ tally: ProgramTally) -> any Error {
    switch self {
    case .exit: GreenletExit()
    case .ownExit: ProgramExit(ProgramLoad(tally, 0))
    default: ProgramError(number: rawValue, load: ProgramLoad(tally, rawValue))
    }
  }

  init(_ error: any Error) {
    self =
      switch error {
      case let error as ProgramError: ProgramFault(rawValue: error.number) ?? .stranger
      case is ProgramExit: .ownExit
      case is GreenletExit: .exit
      case let refusal as GreenletError: ProgramFault(refusal)
      default: .stranger
      }
  }

  private init(_ refusal: GreenletError) {
    self =
      switch refusal {
      case .typeMismatch: .typeMismatch
      case .cyclicParent: .cyclicParent
      case .mainHasNoParent: .mainHasNoParent
      case .noBody: .noBody
      case .noStack: .noStack
      case .exitSwallowed: .exitSwallowed
      case .injected: .injected
      case .notOnItsStack: .notOnItsStack
      default: .stranger
      }
  }
}

/// Counts the loads of one program that are there.
final class ProgramTally {
  fileprivate(set) var alive = 0
}

/// A reference that a message, an error or a body holds.
final class ProgramLoad {
  let number: Int
  private let tally: ProgramTally

  init(_ tally: ProgramTally, _ number: Int) {
    self.tally = tally
    self.number = number
    tally.alive += 1
  }

  deinit { tally.alive -= 1 }
}

struct ProgramError: Error, @unchecked Sendable {
  // SAFETY (@unchecked Sendable): it stays on the thread of its program.
  let number: Int
  let load: ProgramLoad
}

final class ProgramExit: GreenletExit, @unchecked Sendable {
  // SAFETY (@unchecked Sendable): it stays on the thread of its program.
  private let load: ProgramLoad

  init(_ load: ProgramLoad) { self.load = load }
}

/// Too large for a word.
struct ProgramLarge {
  let load: ProgramLoad
  let words: (Int, Int, Int)
}

/// Too large for a frame of a body that is over.
struct ProgramHuge {
  let load: ProgramLoad
  let words: InlineWords

  /// 2 KiB.
  struct InlineWords {
    typealias Eight = (Int, Int, Int, Int, Int, Int, Int, Int)
    typealias Row = (Eight, Eight, Eight, Eight)
    let rows: (Row, Row, Row, Row, Row, Row, Row, Row)

    init(_ number: Int) {
      let eight: Eight = (number, 0, 0, 0, 0, 0, 0, ~number)
      let row: Row = (eight, eight, eight, eight)
      rows = (row, row, row, row, row, row, row, row)
    }

    /// The number, if the ends agree about it; another one else.
    var number: Int {
      let (first, middle, last) = (rows.0.0.0, rows.4.2.7, rows.7.3.7)
      return first == ~last && first == ~middle ? first : -1
    }
  }
}

/// How values of one type are made and read.
struct ProgramCarrier<Value>: Sendable {
  let make: @Sendable (ProgramTally, Int) -> Value

  /// The kind, and the number that was sent in it.
  let read: @Sendable (Value) -> (ProgramKind, Int)
}

enum ProgramCarriers {
  static let none = ProgramCarrier<Void>(make: { _, _ in }, read: { _ in (.none, 0) })
  static let word = ProgramCarrier<Int>(make: { $1 }, read: { (.word, $0) })
  static let object = ProgramCarrier<ProgramLoad>(
    make: { ProgramLoad($0, $1) }, read: { (.object, $0.number) })
  static let large = ProgramCarrier<ProgramLarge>(
    make: { ProgramLarge(load: ProgramLoad($0, $1), words: ($1, ~$1, $1)) },
    read: { (.large, $0.words.0 == ~$0.words.1 && $0.load.number == $0.words.2 ? $0.words.2 : -1) })
  static let huge = ProgramCarrier<ProgramHuge>(
    make: { ProgramHuge(load: ProgramLoad($0, $1), words: .init($1)) },
    read: { (.huge, $0.load.number == $0.words.number ? $0.words.number : -1) })

  /// Reads what nobody knows the type of.
  static let any = ProgramCarrier<Any>(
    make: { _, number in number },
    read: { value in
      switch value {
      case let value as Int: word.read(value)
      case let value as ProgramLoad: object.read(value)
      case let value as ProgramLarge: large.read(value)
      case let value as ProgramHuge: huge.read(value)
      case let exit as GreenletExit: (.exit, ProgramFault(exit).rawValue)
      case is Void: none.read(())
      default: (.any, -1)
      }
    })
}
