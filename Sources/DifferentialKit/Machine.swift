// Runs programs over Greenlets; scripts/differential.py does the same over CPython's greenlet.

import Greenlets

/// One run of a program.
///
/// Only the table and the engine hold references to greenlets, so that emptying a slot loses the
/// last one where it does in CPython. A pending switch holds its target, as a pending call does
/// there.
public final class Machine {
  /// What happened, a line each.
  public private(set) var trace: [String] = []

  private let bodies: [String: [Statement]]
  private let far: FarThread
  private var table: [Greenlet?] = Array(repeating: nil, count: Program.slots)
  private var budget = Program.budget
  private var registry: [WeakGreenlet] = []
  private var reportedUnraisable = EngineCounters.unraisableOfThisThread

  private init(_ program: Program, far: FarThread) {
    bodies = Dictionary(program.bodies.map { ($0.name, $0.statements) }) { first, _ in first }
    self.far = far
  }

  /// Runs a program to its end and returns its trace.
  public static func run(_ program: Program, far: FarThread) -> [String] {
    let machine = Machine(program, far: far)
    machine.play()
    return machine.trace
  }

  /// One run of a body.
  private final class Frame {
    let name: String

    /// Set when an exit came that the program did not label: the body loses its last reference,
    /// and must not switch any more (K6).
    var isDoomed = false

    /// Stays set: a reparenting during a kill may close a circle of parents when the kill puts the
    /// old parent back (P11).
    var wasDoomed = false

    init(name: String) { self.name = name }
  }

  private struct WeakGreenlet {
    weak var greenlet: Greenlet?
  }

  /// How a list of statements was left.
  private enum Flow {
    case next

    /// The budget is out.
    case halt
    case leave(Value)
  }

  private func log(_ frame: Frame, _ text: String) { trace.append("\(frame.name) \(text)") }

  private func play() {
    let main = Frame(name: "main")
    put(in: 0) { Greenlet.main }
    do {
      _ = try run(bodies["main"] ?? [], in: main, caught: nil)
    } catch {
      log(main, "fails \(label(of: error)) \(states())")
    }
    log(main, "used \(Program.budget - budget)")
    budget = 0
    for slot in 0..<Program.slots where table[slot] != nil {
      put(in: slot) { nil }
      log(main, "clears \(slot) \(states())")
    }
    // What is left is held by suspended frames in a circle.
    for number in registry.indices where isSuspended(number) {
      log(main, "ends g\(number + 1)")
      do {
        let received = try end(number)
        log(main, "gets \(rendered(received)) \(states())")
      } catch {
        log(main, "gets error \(label(of: error)) \(states())")
      }
    }
  }

  private func run(
    _ statements: [Statement], in frame: Frame, caught: (any Error)?
  ) throws -> Flow {
    for statement in statements {
      let flow: Flow
      switch statement {
      case .operation(let operation):
        if budget == 0 { return .halt }
        budget -= 1
        flow = try act(operation, in: frame, caught: caught)
      case .loop(let times, let body):
        flow = try loop(times, body, in: frame, caught: caught)
      case .attempt(let body, let kind, let handler):
        flow = try attempt(body, kind, handler, in: frame, caught: caught)
      case .finally(let body, let cleanup):
        defer {
          log(frame, "finally")
          do {
            _ = try run(cleanup, in: frame, caught: caught)
          } catch {
            log(frame, "loses \(label(of: error))")
          }
        }
        flow = try run(body, in: frame, caught: caught)
      }
      if case .next = flow { continue }
      return flow
    }
    return .next
  }

  private func loop(
    _ times: Int, _ body: [Statement], in frame: Frame, caught: (any Error)?
  ) throws -> Flow {
    for _ in 0..<times {
      let flow = try run(body, in: frame, caught: caught)
      if case .next = flow { continue }
      return flow
    }
    return .next
  }

  private func attempt(
    _ body: [Statement], _ kind: Catch, _ handler: [Statement], in frame: Frame,
    caught: (any Error)?
  ) throws -> Flow {
    do {
      return try run(body, in: frame, caught: caught)
    } catch  where kind == .all || (kind == .exit) == (error is GreenletExit) {
      log(frame, "catches \(label(of: error))")
      return try run(handler, in: frame, caught: error)
    }
  }

  private func act(
    _ operation: Operation, in frame: Frame, caught: (any Error)?
  ) throws -> Flow {
    switch operation.verb {
    case .leave:
      log(frame, operation.words)
      return .leave(operation.value)
    case .raise:
      log(frame, operation.words)
      throw fault(operation.fault)
    case .again:
      log(frame, operation.words)
      if let caught { throw caught }
    case .change, .send, .raiseInto, .yield:
      try transfer(operation, in: frame)
    default:
      let shown = operate(operation, in: frame)
      log(frame, "\(operation.words) \(shown) \(states())")
    }
    return .next
  }

  /// The body of a greenlet.
  private func body(_ definition: String, name: String, input: Any) throws -> Any {
    let frame = Frame(name: name)
    log(frame, "starts \(rendered(input))")
    do {
      let flow = try run(bodies[definition] ?? [], in: frame, caught: nil)
      let result: Any = if case .leave(let value) = flow { value.payload } else { () }
      log(frame, "ends \(rendered(result)) \(states())")
      return result
    } catch {
      log(frame, "fails \(label(of: error)) \(states())")
      throw error
    }
  }

  /// What gives control away; throws what comes back.
  private func transfer(_ operation: Operation, in frame: Frame) throws {
    let words = operation.words
    if frame.isDoomed {
      log(frame, "\(words) doomed")
      return
    }
    if operation.verb == .yield {
      if Greenlet.current.parent == nil {
        log(frame, "\(words) has no parent")
        return
      }
      log(frame, words)
    } else {
      log(frame, "\(words) \(name(in: operation.slot))")
      if table[operation.slot] == nil { return }
    }
    do {
      let received = try exchange(operation)
      let shown = operation.verb == .send ? "" : " " + rendered(received)
      log(frame, "gets\(shown) \(states())")
    } catch {
      if let exit = error as? GreenletExit, !(exit is ProgramExit) {
        (frame.isDoomed, frame.wasDoomed) = (true, true)
      }
      log(frame, "gets error \(label(of: error)) \(states())")
      throw error
    }
  }

  /// What keeps control, but for the kills that it may cause.
  ///
  /// - Returns: What to say about it.
  private func operate(_ operation: Operation, in frame: Frame) -> String {
    let slot = operation.slot
    switch operation.verb {
    case .new:
      put(in: slot) { nil }
      guard registry.count < Program.greenletsMax else { return "" }
      put(in: slot) { made(operation) }
      // A greenlet that lost its handle while it ran has a new one now, as a parent.
      register(as: frame)
      return name(in: slot)
    case .reparent:
      return frame.wasDoomed ? "doomed" : reparent(slot, to: operation.other ?? 0)
    case .drop:
      let name = name(in: slot)
      put(in: slot) { nil }
      return name
    case .keep:
      put(in: slot) { Greenlet.current }
      register(as: frame)
      frame.isDoomed = false
      return ""
    case .copy:
      put(in: slot) { table[operation.other ?? 0] }
      return ""
    case .look:
      return table[slot].map { "\($0.name) of \($0.parent?.name ?? "-")" } ?? ""
    case .who:
      return "\(Greenlet.current.name) of \(Greenlet.current.parent?.name ?? "-")"
    case .defy:
      frame.isDoomed = false
      return ""
    default:
      let shown = name(in: slot)
      guard shown != "-" else { return shown }
      let answer = far.ask { self.operateFar(operation) }
      // Any call of the library ends what another thread let go.
      _ = Greenlet.current
      return "\(shown) \(answer)"
    }
  }

  private func operateFar(_ operation: Operation) -> String {
    do {
      if operation.verb == .farDrop {
        put(in: operation.slot) { nil }
      } else {
        _ = try exchange(operation)
      }
      return "done"
    } catch {
      return label(of: error)
    }
  }

  // MARK: - The table
  //
  // Functions of their own that are not inlined: what they hold is let go when they return, neither
  // earlier nor later.

  /// Puts what a closure makes into a slot.
  ///
  /// What was there goes last, when nobody holds what was made but the table: whoever dies then may
  /// use the table.
  @inline(never) private func put(in slot: Int, _ make: () -> Greenlet?) {
    let old = replace(slot, make)
    withExtendedLifetime(old) {}
  }

  @inline(never) private func replace(_ slot: Int, _ make: () -> Greenlet?) -> Greenlet? {
    let old = table[slot]
    withExtendedLifetime(old) { table[slot] = make() }
    return old
  }

  @inline(never) private func exchange(_ operation: Operation) throws -> Any {
    let target = operation.verb == .yield ? Greenlet.current.parent : table[operation.slot]
    guard let target else { return () }
    return try withExtendedLifetime(target) { () throws -> Any in
      switch operation.verb {
      case .send:
        try target.discard(operation.value)
        return ()
      case .raiseInto, .farThrow:
        if operation.fault == "x0" { return try target.throw() as Any }
        return try target.throw(fault(operation.fault)) as Any
      default:
        return try target.exchange(operation.value)
      }
    }
  }

  private func made(_ operation: Operation) -> Greenlet {
    let name = "g\(registry.count + 1)"
    let parent = operation.other.flatMap { table[$0] }
    let definition = operation.body
    let greenlet = Greenlet(name, parent: parent) { (input: Any) throws -> Any in
      try self.body(definition, name: name, input: input)
    }
    registry.append(WeakGreenlet(greenlet: greenlet))
    return greenlet
  }

  @inline(never) private func register(as frame: Frame) {
    guard let number = Int(frame.name.dropFirst()) else { return }
    registry[number - 1] = WeakGreenlet(greenlet: Greenlet.current)
  }

  @inline(never) private func reparent(_ slot: Int, to parent: Int) -> String {
    guard let greenlet = table[slot], let parent = table[parent] else { return "-" }
    return withExtendedLifetime((greenlet, parent)) {
      do {
        try greenlet.reparent(to: parent)
        return "done"
      } catch {
        return label(of: error)
      }
    }
  }

  @inline(never) private func isSuspended(_ number: Int) -> Bool {
    registry[number].greenlet?.stateLetter == "a"
  }

  @inline(never) private func end(_ number: Int) throws -> Any {
    guard let greenlet = registry[number].greenlet else { return () }
    return try withExtendedLifetime(greenlet) { try greenlet.throw(ProgramExit("x9")) as Any }
  }

  @inline(never) private func name(in slot: Int) -> String { table[slot]?.name ?? "-" }

  /// A letter for each slot, and how many errors found nobody to be thrown to.
  @inline(never) private func states() -> String {
    var letters = ""
    for slot in table.indices { letters += table[slot]?.stateLetter ?? "-" }
    let unraisable = EngineCounters.unraisableOfThisThread
    if unraisable != reportedUnraisable {
      letters += " unraisable \(unraisable - reportedUnraisable)"
      reportedUnraisable = unraisable
    }
    return letters
  }
}

extension Greenlet {
  /// Unstarted, dead or active.
  fileprivate var stateLetter: String {
    switch state {
    case .unstarted: "u"
    case .dead: "d"
    default: "a"
    }
  }

  /// Switches with a value, in its own type.
  fileprivate func exchange(_ value: Value) throws -> Any {
    switch value {
    case .none: try `switch`() as Any
    case .int(let number): try `switch`(number) as Any
    case .text(let text): try `switch`(text) as Any
    case .tuple(let numbers): try `switch`(numbers as Any) as Any
    case .several(let numbers): try `switch`(numbers) as Any
    }
  }

  fileprivate func discard(_ value: Value) throws {
    switch value {
    case .none: try `switch`()
    case .int(let number): try `switch`(number)
    case .text(let text): try `switch`(text)
    case .tuple(let numbers), .several(let numbers): try `switch`(numbers)
    }
  }
}
