// Greenlets in every state, and what is done to them: one cell of the matrix of misuse.

import Greenlets
import Stacks

/// Counts itself while it is there.
final class MisuseLoad {
  private let tally: MisuseTally

  init(_ tally: MisuseTally) {
    self.tally = tally
    tally.alive += 1
  }

  deinit { tally.alive -= 1 }
}

/// How many loads are on stacks and in closures.
final class MisuseTally {
  fileprivate(set) var alive = 0
}

/// An error of the matrix.
struct MisuseError: Error {}

/// One cell: a greenlet, and what came of what was done to it.
final class MisuseSubject {
  let state: MisuseState
  let tally = MisuseTally()
  private let pool = StackPool(stackSize: .kibibytes(64))
  private var greenlet: Greenlet?

  /// What came of it, and the state after it.
  private(set) var outcome: String?

  init(_ state: MisuseState) { self.state = state }

  // MARK: - States

  /// Makes the greenlet, on its thread.
  func make() throws {
    let home = Greenlet.main
    switch state {
    case .main: greenlet = home
    case .bodiless: greenlet = Greenlet("subject")
    case .running, .waiting: greenlet = nil
    default:
      let load = MisuseLoad(tally)
      let strategy = state == .sliced ? StackStrategy.sliced : .pool(pool)
      let state = state
      greenlet = Greenlet("subject", stacks: strategy) { (first: Int) throws -> Int in
        try withExtendedLifetime(load) { try Self.live(state, first, home) }
      }
    }
    try bringThere()
  }

  private func bringThere() throws {
    switch state {
    case .unstarted, .bodiless, .main, .running, .waiting: return
    case .killed: try greenlet?.kill()
    case .failed: do { try greenlet?.switch(1) } catch is MisuseError {}
    case .frozen:
      try greenlet?.switch(1)
      try greenlet?.freeze()
    default: try greenlet?.switch(1)
    }
  }

  /// The body.
  private static func live(_ state: MisuseState, _ first: Int, _ home: Greenlet) throws -> Int {
    var swallowed = 0
    let swallows = state == .quarantined ? Int.max : state == .stubborn ? 4 : 0
    while true {
      do {
        switch state {
        case .finished: return first + 1
        case .failed: throw MisuseError()
        case .inCoroutine:
          let coroutine = try Coroutine<Int, Int>(on: StackPool(stackSize: .kibibytes(64))) {
            _, number in try home.switch(number) as Int
          }
          return try coroutine.resume(first).value + 1
        default: return try home.switch(first) as Int + 1
        }
      } catch let exit as GreenletExit {
        swallowed += 1
        if swallowed > swallows { throw exit }
      }
    }
  }

  // MARK: - Deeds

  /// Does something to it on the thread that it is done from, and notes what came of it.
  func undergo(_ operation: MisuseOperation, from place: MisusePlace) {
    guard place == .own else { return note(operation, greenlet) }
    switch state {
    case .running:
      let one = Greenlet("subject", stacks: .pool(pool)) { (_: Int) -> Int in
        self.note(operation, Greenlet.current)
        return 0
      }
      greenlet = one
      watch { try one.switch(1) }
    case .waiting:
      let one = Greenlet("subject", stacks: .pool(pool)) { (_: Int) throws -> Int in
        let this = Greenlet.current
        let actor = Greenlet("actor") { self.note(operation, this) }
        let _: Any = try actor.switch()
        return 9
      }
      greenlet = one
      watch { try one.switch(1) }
    case .main:
      let actor = Greenlet("actor") { self.note(operation, Greenlet.main) }
      watch { try actor.switch() }
    default: note(operation, greenlet)
    }
  }

  /// Has it run or wait on its own thread while something is done elsewhere.
  func run(_ act: () -> Void) {
    withoutActuallyEscaping(act) { act in
      let one = Greenlet("subject", stacks: .pool(pool)) { (_: Int) throws -> Int in
        if self.state == .running {
          act()
          return 0
        }
        try Greenlet("actor") { act() }.switch()
        return 0
      }
      greenlet = one
      watch { try one.switch(1) }
    }
  }

  /// Adds what comes to main: whoever did it may not have come back.
  private func watch(_ act: () throws -> Any) {
    let seen = Self.seen(act)
    let came = "main \(seen) \(greenlet.map { "\($0.state)" } ?? "-")"
    outcome = outcome.map { $0 + ", " + came } ?? came
  }

  private func note(_ operation: MisuseOperation, _ greenlet: Greenlet?) {
    guard let greenlet else {
      outcome = "nobody"
      return
    }
    if operation == .drop { return }
    let seen = Self.seen { try self.act(operation, greenlet) }
    if outcome == nil { outcome = "\(seen) \(greenlet.state)" }
  }

  /// Lets the last handle go; what was unwound is seen once its thread has had its turn.
  func drop() { greenlet = nil }

  /// Notes what a dropped greenlet has left.
  func noteDropped() { outcome = tally.alive == 0 ? "gone -" : "kept -" }

  private func act(_ operation: MisuseOperation, _ one: Greenlet) throws -> Any {
    switch operation {
    case .change: return try one.switch(7) as Any
    case .wrongType: return try one.switch("text") as Any
    case .raise: return try one.throw(MisuseError()) as Any
    case .exit: return try one.throw() as Any
    case .kill: try one.kill(tries: 2)
    case .reparent: try one.reparent(to: Greenlet.main)
    case .circle: try one.reparent(to: Greenlet("below", parent: one) { 0 })
    case .adopt: try Greenlet("other") { 0 }.reparent(to: one)
    case .adoptStarted:
      let this = Greenlet.current
      let other = Greenlet("other") { try this.switch() }
      try other.switch()
      try other.reparent(to: one)
      try other.kill()
    case .child: return try Greenlet("below", parent: one) { 5 }.switch() as Any
    case .setBody: try one.setBody { (number: Int) in number }
    case .removeBody: try one.removeBody()
    case .freeze: return try one.freeze() > ByteCount(0) ? "bytes" : "nothing"
    case .locals: return try one.locals().count
    case .setLocals: try one.setLocals(GreenletLocals())
    case .backtrace: return one.backtrace().isEmpty ? "none" : "frames"
    case .highWater: return one.highWaterMark == nil ? "unknown" : "known"
    case .describe: return "\(one)".contains("number \(one.id)") ? "all" : "\(one)"
    case .rename:
      one.name = "another"
      return one.name
    case .drop: preconditionFailure("a drop is no deed of somebody who holds it")
    }
    return ()
  }

  /// What came of a call, in a word.
  private static func seen(_ act: () throws -> Any) -> String {
    do {
      switch try act() {
      case is Void: return "done"
      case is GreenletExit: return "=exit"
      case let value: return "=\(value)"
      }
    } catch { return "!" + name(of: error) }
  }

  private static func name(of error: any Error) -> String {
    switch error {
    case is MisuseError: return "mine"
    case is GreenletExit: return "exit"
    case GreenletError.mainHasNoParent: return "mainHasNoParent"
    case GreenletError.mainHasNoBody: return "mainHasNoBody"
    default: return Mirror(reflecting: error).children.first?.label ?? "\(error)"
    }
  }
}
