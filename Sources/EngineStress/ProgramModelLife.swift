// The rules, continued: who gets a message or an error, starts, deaths, and ends that others wish for.

extension ProgramModel {
  /// Why one could not be continued.
  struct Refusal: Error {
    let fault: ProgramFault
    let who: Int
  }

  /// Whether a step means something now; the others are passed over.
  ///
  /// What is about the counting of references is kept simple: only a handle that is surely the last
  /// one is dropped, and only by a greenlet that is held itself.
  func applies(_ step: ProgramStep) -> Bool {
    let target = table[step.slot]
    switch step.verb {
    case .make: return target == nil
    case .change, .freeze: return target != nil
    case .raiseInto: return target.map { beings[$0].phase != .quarantined } ?? false
    case .kill: return target != nil && isHeld(current)
    case .drop:
      return target.map { $0 != 0 && $0 != current && isHeldOnce($0) && isHeld(current) } ?? false
    case .reparent: return target != nil && table[step.other] != nil
    case .enter:
      return beings[current].frames.count < Self.levelsMax
    case .leave:
      if case .level = beings[current].frames.last { return true }
      return false
    case .finish: return current != 0
    case .raise, .look, .set, .failSwitch: return true
    }
  }

  private func isHeld(_ one: Int) -> Bool { table.contains(one) }

  /// Whether its slot is all that holds it.
  private func isHeldOnce(_ one: Int) -> Bool {
    !beings.contains { being in
      if !being.isFreed && being.parent == one { return true }
      return being.frames.contains { frame in
        switch frame {
        case .waiting(let target, takes: _), .cleaning(_, let target): target == one
        case .ending(let ending): ending.target == one || ending.parentBefore == one
        case .body, .level: false
        }
      }
    }
  }

  func isAncestor(_ one: Int, of other: Int) -> Bool {
    var next: Int? = other
    // Who ends its own ancestor makes a circle of parents for so long: nobody is looked at twice.
    for _ in beings.indices {
      guard let ancestor = next else { return false }
      if ancestor == one { return true }
      next = beings[ancestor].parent
    }
    return false
  }

  // MARK: - Who is continued

  /// The one itself or its nearest ancestor that is not dead, started if need be (S7, S8, S9).
  mutating func target(_ cell: Int) -> Result<Int, Refusal> {
    var one = cell
    while true {
      switch beings[one].phase {
      case .active: return .success(one)
      case .unstarted:
        if beings[one].made.flag { return .failure(Refusal(fault: .noBody, who: one)) }
        if beings[one].made.frames == .own {
          if let stacksMax, stacks >= stacksMax {
            return .failure(Refusal(fault: .noStack, who: one))
          }
          stacks += 1
        }
        beings[one].phase = .active
        return .success(one)
      case .dead: one = beings[one].parent ?? 0
      case .quarantined: return .failure(Refusal(fault: .exitSwallowed, who: one))
      }
    }
  }

  /// Who gets an error, and as what (D2, D3, D5, T5, T6).
  mutating func deliver(_ fault: ProgramFault, to cell: Int, hasDied: Bool) -> (Int, Outcome) {
    var (one, fault, hasDied) = (cell, fault, hasDied)
    while true {
      while beings[one].phase == .dead || beings[one].phase == .quarantined {
        one = beings[one].parent ?? 0
      }
      switch target(one) {
      case .success(let heir):
        let isValue = hasDied && fault.isExit
        return (heir, isValue ? .value(.exit, fault.rawValue) : .error(fault))
      case .failure(let refusal):
        (one, fault, hasDied) = (beings[one].parent ?? 0, refusal.fault, true)
      }
    }
  }

  /// Leaves the current one for another one, which gets something.
  mutating func transfer(to target: Int, _ outcome: Outcome) {
    if isWatched {
      var isThrow = false
      if case .error = outcome { isThrow = true }
      plan.lines.append(ProgramLine(isThrow ? .threw : .moved, target, current))
    }
    current = target
    if beings[target].frames.isEmpty { return start(outcome) }
    switch beings[target].frames.popLast() {
    case .waiting(target: _, let takes): receive(outcome, takes)
    case .ending(let ending): hasComeBack(ending, outcome)
    case .cleaning(let fault, target: _):
      if case .error(let lost) = outcome { log(.cleaned, lost.rawValue) } else { log(.cleaned, -1) }
      unwind(fault)
    case .body, .level, nil: preconditionFailure("the model continued one that was not left")
    }
  }

  /// The first switch to the current one (S1, T5).
  private mutating func start(_ outcome: Outcome) {
    guard case .value(let kind, let number) = outcome else { return end(outcome) }
    let takes = beings[current].made.takes
    guard takes == .any || takes == kind else { return end(.error(.typeMismatch)) }
    log(.started, code(kind), number)
    beings[current].frames = [.body]
  }

  /// What a pending switch of the current one returns or throws (S2).
  private mutating func receive(_ outcome: Outcome, _ takes: ProgramKind?) {
    switch outcome {
    case .error(let fault): fail(fault)
    case .value(let kind, let number):
      if takes == nil {
        log(.got, -1, local)
      } else if takes == .any || takes == kind {
        log(.got, code(kind) * 10_000 + number, local)
      } else {
        fail(.typeMismatch)
      }
    }
  }

  private func code(_ kind: ProgramKind) -> Int { kind.code }

  // MARK: - Errors

  /// A call of the current one throws.
  mutating func fail(_ fault: ProgramFault) {
    log(.failed, fault.rawValue, local)
    unwind(fault)
  }

  mutating func raise(_ fault: ProgramFault) { unwind(fault) }

  /// An error leaves level after level, up to one that catches it (S13, V3).
  private mutating func unwind(_ fault: ProgramFault) {
    while case .level(var level) = beings[current].frames.last {
      if level.step.flag, !level.hasCleaned, hasSteps, let target = table[level.step.slot] {
        level.hasCleaned = true
        beings[current].frames[beings[current].frames.count - 1] = .level(level)
        switch switchTarget(target) {
        case .failure(let refusal): log(.cleaned, refusal.fault.rawValue)
        case .success(let heir):
          beings[current].frames.append(.cleaning(fault, target: target))
          return transfer(to: heir, .value(.word, level.step.number))
        }
      }
      leaveLevel()
      if level.step.handler.takes(fault) { return log(.caught, fault.rawValue) }
    }
    if current == 0 { return log(.caught, fault.rawValue) }
    end(.error(fault))
  }

  // MARK: - Ends

  /// The current one's body is over, or was never run (D1 to D5).
  mutating func end(_ outcome: Outcome) {
    if !beings[current].frames.isEmpty {
      if case .error(let fault) = outcome { log(.died, fault.rawValue) } else { log(.died, -1) }
    }
    let parent = beings[current].parent ?? 0
    let (heir, arriving): (Int, Outcome)
    switch outcome {
    case .error(let fault): (heir, arriving) = deliver(fault, to: parent, hasDied: true)
    case .value(let kind, let number):
      switch target(parent) {
      case .success(let found):
        (heir, arriving) = (found, .value(kind, kind == .none ? 0 : number))
      case .failure(let refusal):
        // Why it cannot start is the next ancestor's (D5).
        let next = beings[refusal.who].parent ?? 0
        (heir, arriving) = deliver(refusal.fault, to: next, hasDied: true)
      }
    }
    beings[current].phase = .dead
    beings[current].frames = []
    if beings[current].made.frames == .own { stacks -= 1 }
    plan.finished += 1
    transfer(to: heir, arriving)
  }

  /// Throws an exit into another one, and takes the place of its parent meanwhile (P11, K1).
  mutating func tryToEnd(_ ending: Ending) {
    beings[ending.target].parent = current
    beings[current].frames.append(.ending(ending))
    transfer(to: ending.target, .error(.exit))
  }

  private mutating func hasComeBack(_ ending: Ending, _ outcome: Outcome) {
    let target = ending.target
    // Put back, unless that would close a circle; main if who ended it would do so, too (P11).
    if let parent = ending.parentBefore, !isAncestor(target, of: parent) {
      beings[target].parent = parent
    } else if let ender = beings[target].parent, isAncestor(target, of: ender) {
      beings[target].parent = 0
    }
    var ending = ending
    switch outcome {
    case .error(let fault): finish(ending, fault)
    case .value where beings[target].phase != .active: finish(ending, nil)
    case .value:
      plan.swallowed += 1
      ending.triesLeft -= 1
      if ending.triesLeft > 0 { tryToEnd(ending) } else { finish(ending, .exitSwallowed) }
    }
  }

  /// The current one has ended another one, or given that up.
  private mutating func finish(_ ending: Ending, _ fault: ProgramFault?) {
    guard ending.isQuiet else {
      if let fault { fail(fault) } else { log(.did) }
      return
    }
    if let fault {
      plan.unraisable += 1
      if fault == .exitSwallowed && beings[ending.target].phase == .active {
        beings[ending.target].phase = .quarantined
        beings[ending.target].parent = 0
        plan.quarantined += 1
      }
    }
    if beings[ending.target].phase == .dead { beings[ending.target].isFreed = true }
    log(.did)
  }
}

extension ProgramStep.Handler {
  func takes(_ fault: ProgramFault) -> Bool {
    switch self {
    case .none: false
    case .error: !fault.isExit
    case .exit: fault.isExit
    case .all: true
    }
  }
}
