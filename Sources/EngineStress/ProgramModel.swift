// The rules of greenlets without a stack: what a program must do, step by step.
//
// Whoever is current takes the next step. What it has called so far is a list of frames, and a switch
// is an assignment. The letters in comments are the rows of the rules in Sources/Greenlets/README.md.

/// A line of a trace: who, what, and two numbers of it.
struct ProgramLine: Hashable, CustomStringConvertible {
  enum What: UInt8 {
    case took, started, got, failed, caught, cleaned, refused, did, looked, died, moved, threw, over
  }

  let what: What
  let who: Int
  var first = 0
  var second = 0

  init(_ what: What, _ who: Int, _ first: Int = 0, _ second: Int = 0) {
    self.what = what
    self.who = who
    self.first = first
    self.second = second
  }

  var description: String { "g\(who) \(what) \(first) \(second)" }
}

/// What a program must do.
struct ProgramPlan {
  /// The steps that are taken, in order, and whether each is made or passed over.
  var entries: [(step: ProgramStep, applies: Bool)] = []
  var lines: [ProgramLine] = []
  var unraisable = 0
  var quarantined = 0
  var finished = 0
  var swallowed = 0

  /// Suspended ones that nobody holds: an error came while they were being ended.
  var leftOver = 0
}

/// Runs a program by the rules.
struct ProgramModel {
  enum Outcome {
    case value(ProgramKind, Int)
    case error(ProgramFault)
  }

  enum Phase { case unstarted, active, dead, quarantined }

  /// A level of calls.
  struct Level {
    let step: ProgramStep
    let localBefore: Int
    var hasCleaned = false
  }

  /// The end of another one that is being waited for.
  struct Ending {
    let target: Int
    let parentBefore: Int?
    var triesLeft: Int

    /// For a drop: nobody is told of errors.
    let isQuiet: Bool
  }

  /// What has been called and has not returned, outermost first.
  enum Frame {
    case body
    case level(Level)
    case waiting(target: Int, takes: ProgramKind?)
    case ending(Ending)
    case cleaning(ProgramFault, target: Int)
  }

  struct Being {
    let made: ProgramStep
    var phase: Phase
    var parent: Int?
    var frames: [Frame] = []

    /// Which of the `locals` is its own, or shared with it.
    let localsIndex: Int
    var isFreed = false
  }

  let steps: [ProgramStep]
  let stacksMax: Int?
  let isWatched: Bool

  var plan = ProgramPlan()
  var beings: [Being] = [
    Being(made: ProgramStep(), phase: .active, parent: nil, frames: [.body], localsIndex: 0)
  ]

  /// The values of the local.
  private var locals = [0]

  /// Slot 0 is main.
  var table: [Int?] = [0] + Array(repeating: nil, count: ProgramStep.slots - 1)
  var current = 0
  var stacks = 0
  var failsNext = false
  private var finale = 1

  /// The tries of a kill that ends a program.
  static let lastTries = 3

  /// More calls than any program makes; a stack has room for them.
  static let levelsMax = 12

  /// What a program must do.
  static func plan(_ steps: [ProgramStep], stacksMax: Int?, isWatched: Bool) -> ProgramPlan {
    var model = ProgramModel(steps: steps, stacksMax: stacksMax, isWatched: isWatched)
    while model.goOn() {}
    model.plan.leftOver = model.beings.dropFirst().count { $0.phase == .active }
    return model.plan
  }

  var hasSteps: Bool { plan.entries.count < steps.count }

  /// The current one's value of the local.
  var local: Int {
    get { locals[beings[current].localsIndex] }
    set { locals[beings[current].localsIndex] = newValue }
  }

  /// What a new one has of its creator's value, as an index.
  private mutating func inherit(_ locals: ProgramStep.Locals) -> Int {
    if locals == .share { return beings[current].localsIndex }
    self.locals.append(locals == .copy ? local : 0)
    return self.locals.count - 1
  }

  mutating func log(_ what: ProgramLine.What, _ first: Int = 0, _ second: Int = 0) {
    plan.lines.append(ProgramLine(what, current, first, second))
  }

  /// What the current one does next.
  ///
  /// - Returns: False at the end.
  private mutating func goOn() -> Bool {
    guard hasSteps else { return halt() }
    let step = steps[plan.entries.count]
    let applies = applies(step)
    log(.took, plan.entries.count)
    plan.entries.append((step, applies))
    if applies { act(step) }
    return true
  }

  /// No steps are left: every body returns, and main ends who is left.
  private mutating func halt() -> Bool {
    while case .level = beings[current].frames.last { leaveLevel() }
    if current != 0 {
      end(.value(beings[current].made.gives, 0))
      return true
    }
    guard finale < table.count else { return false }
    defer { finale += 1 }
    if let target = table[finale] {
      log(.over, finale)
      kill(target, tries: Self.lastTries)
    }
    return true
  }

  private mutating func act(_ step: ProgramStep) {
    switch step.verb {
    case .make:
      beings.append(
        Being(
          made: step, phase: .unstarted, parent: table[step.other] ?? 0,
          localsIndex: inherit(step.locals)))
      table[step.slot] = beings.count - 1
    case .change: change(step)
    case .raiseInto: raiseInto(step)
    case .kill: if let target = table[step.slot] { kill(target, tries: 1 + step.number % 3) }
    case .drop: drop(step)
    case .reparent: reparent(step)
    case .enter:
      let level = Level(step: step, localBefore: local)
      local = step.number
      beings[current].frames.append(.level(level))
    case .leave: leaveLevel()
    case .finish:
      while case .level = beings[current].frames.last { leaveLevel() }
      end(.value(beings[current].made.gives, step.number))
    case .raise: raise(step.fault)
    case .freeze: freeze(step)
    case .look: look()
    case .set: local = step.number
    case .failSwitch: failsNext = true
    }
  }

  // MARK: - Giving control away

  private mutating func change(_ step: ProgramStep) {
    guard let target = table[step.slot] else { return }
    switch switchTarget(target) {
    case .failure(let refusal): fail(refusal.fault)
    case .success(let heir):
      beings[current].frames.append(.waiting(target: target, takes: step.takes))
      transfer(to: heir, .value(step.gives, step.gives == .none ? 0 : step.number))
    }
  }

  private mutating func raiseInto(_ step: ProgramStep) {
    guard let target = table[step.slot] else { return }
    // One that cannot start refuses, to the caller (T5).
    let phase = beings[target].phase
    if phase == .unstarted || phase == .active {
      if case .failure(let refusal) = self.target(target) { return fail(refusal.fault) }
    }
    let (heir, outcome) = deliver(step.fault, to: target, hasDied: phase == .dead)
    beings[current].frames.append(.waiting(target: target, takes: step.takes))
    transfer(to: heir, outcome)
  }

  /// Whom a switch with a message continues.
  mutating func switchTarget(_ target: Int) -> Result<Int, Refusal> {
    if failsNext {
      failsNext = false
      return .failure(Refusal(fault: .injected, who: target))
    }
    return self.target(target)
  }

  mutating func kill(_ target: Int, tries: Int) {
    switch beings[target].phase {
    case .dead: log(.did)
    case .quarantined: fail(.exitSwallowed)
    case .unstarted:
      beings[target].phase = .dead
      log(.did)
    case .active:
      if target == current { return fail(.exit) }
      if target == 0 {
        beings[current].frames.append(.waiting(target: 0, takes: nil))
        return transfer(to: 0, .error(.exit))
      }
      let ending = Ending(
        target: target, parentBefore: beings[target].parent, triesLeft: tries, isQuiet: false)
      tryToEnd(ending)
    }
  }

  private mutating func drop(_ step: ProgramStep) {
    guard let target = table[step.slot] else { return }
    table[step.slot] = nil
    if beings[target].phase == .active {
      let ending = Ending(
        target: target, parentBefore: beings[target].parent, triesLeft: 10, isQuiet: true)
      tryToEnd(ending)
    } else {
      if beings[target].phase == .unstarted { beings[target].phase = .dead }
      if beings[target].phase == .dead { beings[target].isFreed = true }
      log(.did)
    }
  }

  // MARK: - Keeping it

  private mutating func reparent(_ step: ProgramStep) {
    guard let target = table[step.slot], let parent = table[step.other] else { return }
    if target == 0 { return log(.refused, ProgramFault.mainHasNoParent.rawValue) }
    if isAncestor(target, of: parent) {
      return log(.refused, ProgramFault.cyclicParent.rawValue)
    }
    beings[target].parent = parent
    log(.did)
  }

  private mutating func freeze(_ step: ProgramStep) {
    guard let target = table[step.slot] else { return }
    let isSliced = beings[target].made.frames == .sliced && target != 0
    let isElsewhere = target == 0 || target == current
    if beings[target].phase == .active, isElsewhere, !isSliced {
      log(.refused, ProgramFault.notOnItsStack.rawValue)
    } else {
      log(.did)
    }
  }

  private mutating func look() {
    let states = table.reduce(0) { sum, one in
      sum * 8 + (one.map { state(of: $0) } ?? 7)
    }
    let parents = table.reduce(0) { sum, one in
      sum * 32 + (one.flatMap { beings[$0].parent } ?? 31)
    }
    log(.looked, states, parents)
    log(.looked, local)
  }

  private func state(of one: Int) -> Int {
    switch beings[one].phase {
    case .unstarted: 0
    case .active: one == current ? 1 : 2
    case .dead: 3
    case .quarantined: 4
    }
  }

  mutating func leaveLevel() {
    guard case .level(let level) = beings[current].frames.popLast() else { return }
    local = level.localBefore
  }
}
