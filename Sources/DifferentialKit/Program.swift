// A program over greenlets, as data: what both interpreters run, and what is generated and shrunk.

/// The bodies of greenlets by name; `main` is what the main greenlet runs.
public struct Program: Hashable, Sendable {
  public var bodies: [Body]

  public init(bodies: [Body]) { self.bodies = bodies }

  /// A named list of statements.
  public struct Body: Hashable, Sendable {
    public let name: String
    public var statements: [Statement]

    public init(name: String, statements: [Statement]) {
      self.name = name
      self.statements = statements
    }
  }

  /// The slots of the table that holds the greenlets; slot 0 begins with main.
  public static let slots = 8

  /// How many greenlets a program makes; a later `new` only empties its slot.
  public static let greenletsMax = 12

  /// How many operations a program runs; then every body returns at once.
  public static let budget = 60

  /// How many operations are written in it.
  public var operationCount: Int { bodies.reduce(0) { $0 + count($1.statements) } }

  private func count(_ statements: [Statement]) -> Int {
    statements.reduce(0) { sum, statement in
      switch statement {
      case .operation: sum + 1
      case .loop(times: _, let body): sum + count(body)
      case .attempt(let body, catching: _, let handler): sum + count(body) + count(handler)
      case .finally(let body, let cleanup): sum + count(body) + count(cleanup)
      }
    }
  }
}

/// One step of a body.
public indirect enum Statement: Hashable, Sendable {
  case operation(Operation)
  case loop(times: Int, [Statement])
  case attempt([Statement], catching: Catch, handler: [Statement])
  case finally([Statement], cleanup: [Statement])
}

/// Which errors a handler takes.
public enum Catch: String, CaseIterable, Sendable {
  case exit
  case error
  case all
}

/// What an operation does.
public enum Verb: String, CaseIterable, Sendable {
  /// Empties a slot, and puts a new greenlet there.
  case new

  /// Switches with a value; `send` discards what comes back.
  case change = "switch"
  case send
  case raiseInto = "throw"
  case reparent

  /// Empties a slot.
  case drop

  /// Puts the current greenlet into a slot.
  case keep
  case copy

  /// Tells the state and the parent of a slot, and of the current greenlet.
  case look
  case who
  case raise

  /// Throws again what the handler caught.
  case again
  case leave = "return"

  /// Switches to the parent.
  case yield

  /// Lets a body switch although its last reference was lost; see K6 in `KnownDifference`.
  case defy

  // From another thread.
  case farSwitch = "far-switch"
  case farThrow = "far-throw"
  case farDrop = "far-drop"

  /// What kinds of arguments follow it, in order.
  var signature: [Argument] {
    switch self {
    case .new: [.slot, .body, .parent]
    case .change, .send, .farSwitch: [.slot, .value]
    case .raiseInto, .farThrow: [.slot, .fault]
    case .reparent, .copy: [.slot, .other]
    case .drop, .keep, .look, .farDrop: [.slot]
    case .raise: [.fault]
    case .leave, .yield: [.value]
    case .who, .again, .defy: []
    }
  }

  enum Argument { case slot, other, parent, body, value, fault }
}

/// A verb with its arguments; those that its signature does not name mean nothing.
public struct Operation: Hashable, Sendable {
  public var verb: Verb
  public var slot = 0

  /// A second slot; nil where the default parent is meant.
  public var other: Int?
  public var body = ""
  public var value = Value.none

  /// An error (e1 to e3), an exit (x1, x2), one of a subclass (y1), the library's own (x0).
  public var fault = ""

  public init(_ verb: Verb) { self.verb = verb }
}

/// What a switch carries.
public enum Value: Hashable, Sendable {
  case none
  case int(Int)
  case text(String)

  /// One argument, a tuple.
  case tuple([Int])

  /// Several arguments, which arrive as a tuple.
  case several([Int])
}
