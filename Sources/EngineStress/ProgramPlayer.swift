// Makes a program's steps over the engine, and notes what happened.

import Greenlets
import Stacks

/// One run of a program; everything in it stays on one thread.
///
/// The table and the engine alone hold greenlets, but for a pending call, which holds its target.
final class ProgramPlayer {
  private let local = GreenletLocal(0)

  private let plan: ProgramPlan
  private let mode: ProgramMode
  private let pool: StackPool
  private var cursor = 0
  private var table: [Greenlet?] = Array(repeating: nil, count: ProgramStep.slots)
  private var made = 0
  private let tally = ProgramTally()

  /// Told of each step before it is made.
  private let tell: (ProgramStep, Bool) -> Void

  /// What happened.
  private(set) var lines: [ProgramLine] = []

  private init(
    _ plan: ProgramPlan, _ mode: ProgramMode, _ pool: StackPool,
    _ tell: @escaping (ProgramStep, Bool) -> Void
  ) {
    self.plan = plan
    self.mode = mode
    self.pool = pool
    self.tell = tell
    lines.reserveCapacity(plan.lines.count)
  }

  /// Runs a program to its end.
  ///
  /// - Returns: What happened, and how many loads of messages, errors and bodies are left.
  static func run(
    _ plan: ProgramPlan, _ mode: ProgramMode, _ pool: StackPool,
    tell: @escaping (ProgramStep, Bool) -> Void
  ) -> (lines: [ProgramLine], loads: Int) {
    let player = ProgramPlayer(plan, mode, pool, tell)
    player.playMain()
    return (player.lines, player.tally.alive)
  }

  private func log(_ what: ProgramLine.What, _ who: Int, _ first: Int = 0, _ second: Int = 0) {
    lines.append(ProgramLine(what, who, first, second))
  }

  private func log(_ fault: ProgramFault, _ what: ProgramLine.What, _ who: Int) {
    log(what, who, fault.rawValue)
  }

  // MARK: - Bodies

  private func playMain() {
    put(Greenlet.main, in: 0)
    if mode == .watched { watch() }
    while true {
      do {
        _ = try play(0, isBase: true)
        break
      } catch { log(ProgramFault(error), .caught, 0) }
    }
    // What is left is ended, and then let go of.
    for slot in 1..<table.count where table[slot] != nil {
      log(.over, 0, slot)
      do { try kill(slot, tries: ProgramModel.lastTries, 0) } catch {
        log(ProgramFault(error), .caught, 0)
      }
    }
    if mode == .watched {
      Greenlet.setTracer(nil)
      GreenletWatchdog.stopWatchingThisThread()
    }
    GreenletFaults.ofThisThread = GreenletFaults()
    // Main outlives the program; what is set for it is not to stay.
    do { try Greenlet.main.locals()[local] = nil } catch { log(ProgramFault(error), .refused, 0) }
    for slot in table.indices { empty(slot) }
  }

  private enum Flow {
    case halt, leave
    case finish(Int)
  }

  /// The next step that applies; nil when none is left.
  private func take(_ me: Int) -> ProgramStep? {
    while cursor < plan.entries.count {
      let (step, applies) = plan.entries[cursor]
      log(.took, me, cursor)
      tell(step, applies)
      cursor += 1
      if applies { return step }
    }
    return nil
  }

  private func play(_ me: Int, isBase: Bool = false) throws -> Flow {
    while let step = take(me) {
      switch step.verb {
      case .enter:
        let flow = try enter(step, me)
        if case .leave = flow { continue }
        return flow
      case .leave: return .leave
      case .finish: return .finish(step.number)
      case .raise: throw step.fault.error(tally)
      case .change, .raiseInto: try transfer(step, me)
      case .kill: try kill(step.slot, tries: 1 + step.number % 3, me)
      default: keep(step, me)
      }
    }
    return .halt
  }

  /// A level of calls: with a value of its own of a local, a cleanup and a handler.
  @inline(never) private func enter(_ step: ProgramStep, _ me: Int) throws -> Flow {
    do {
      return try local.withValue(step.number) {
        do { return try play(me) } catch {
          if step.flag { cleanUp(step, me) }
          throw error
        }
      }
    } catch  where step.handler.takes(ProgramFault(error)) {
      log(ProgramFault(error), .caught, me)
      return .leave
    }
  }

  /// Switches while an error is on its way through the frames below.
  @inline(never) private func cleanUp(_ step: ProgramStep, _ me: Int) {
    guard cursor < plan.entries.count, let target = table[step.slot] else { return }
    withExtendedLifetime(target) {
      do {
        freezeOthers()
        try target.switch(step.number)
        log(.cleaned, me, -1)
      } catch { log(ProgramFault(error), .cleaned, me) }
    }
  }

  // MARK: - Giving control away

  private func transfer(_ step: ProgramStep, _ me: Int) throws {
    freezeOthers()
    do {
      switch step.takes {
      case nil: try discard(step)
      case .none?: try exchange(step, ProgramCarriers.none, me)
      case .word?: try exchange(step, ProgramCarriers.word, me)
      case .object?: try exchange(step, ProgramCarriers.object, me)
      case .large?: try exchange(step, ProgramCarriers.large, me)
      case .huge?: try exchange(step, ProgramCarriers.huge, me)
      case .any?, .exit?: try exchange(step, ProgramCarriers.any, me)
      }
      if step.takes == nil { log(.got, me, -1, local.value) }
    } catch {
      log(.failed, me, ProgramFault(error).rawValue, local.value)
      throw error
    }
  }

  @inline(never) private func discard(_ step: ProgramStep) throws {
    guard let target = table[step.slot] else { return }
    try withExtendedLifetime(target) {
      if step.verb == .raiseInto { return try target.throw(step.fault.error(tally)) }
      switch step.gives {
      case .none: try target.switch()
      case .word: try target.switch(step.number)
      case .object: try target.switch(ProgramCarriers.object.make(tally, step.number))
      case .large: try target.switch(ProgramCarriers.large.make(tally, step.number))
      case .huge: try target.switch(ProgramCarriers.huge.make(tally, step.number))
      case .any, .exit: preconditionFailure("a program sent what is not sent")
      }
    }
  }

  /// Reads what comes back in a frame of its own: it is gone when the next step is taken.
  @inline(never) private func exchange<Reply>(
    _ step: ProgramStep, _ reply: ProgramCarrier<Reply>, _ me: Int
  ) throws {
    guard let target = table[step.slot] else { return }
    let (kind, number) = reply.read(try withExtendedLifetime(target) { try send(step, to: target) })
    log(.got, me, kind.code * 10_000 + number, local.value)
  }

  private func send<Reply>(_ step: ProgramStep, to target: Greenlet) throws -> Reply {
    if step.verb == .raiseInto { return try target.throw(step.fault.error(tally)) }
    return switch step.gives {
    case .none: try target.switch()
    case .word: try target.switch(step.number)
    case .object: try target.switch(ProgramCarriers.object.make(tally, step.number))
    case .large: try target.switch(ProgramCarriers.large.make(tally, step.number))
    case .huge: try target.switch(ProgramCarriers.huge.make(tally, step.number))
    case .any, .exit: preconditionFailure("a program sent what is not sent")
    }
  }

  @inline(never) private func kill(_ slot: Int, tries: Int, _ me: Int) throws {
    guard let target = table[slot] else { return }
    freezeOthers()
    do {
      let isTransfer = slot == 0 && me != 0
      try withExtendedLifetime(target) { try target.kill(tries: tries) }
      if isTransfer { log(.got, me, -1, local.value) } else { log(.did, me) }
    } catch {
      log(.failed, me, ProgramFault(error).rawValue, local.value)
      throw error
    }
  }

  /// In the mode that wants it: whatever is suspended is a block of bytes until it is continued.
  private func freezeOthers() {
    guard mode == .frozen else { return }
    for one in table {
      // Who runs cannot be frozen, and says so: that is no matter of this.
      _ = try? one?.freeze()
    }
  }

  // MARK: - Keeping it

  private func keep(_ step: ProgramStep, _ me: Int) {
    switch step.verb {
    case .make: put(greenlet(step), in: step.slot)
    case .drop:
      empty(step.slot)
      log(.did, me)
    case .reparent: reparent(step, me)
    case .freeze: freeze(step, me)
    case .look: look(me)
    case .set: local.value = step.number
    case .failSwitch:
      var faults = GreenletFaults()
      faults.failingSwitch = 1
      GreenletFaults.ofThisThread = faults
    default: preconditionFailure("a step that gives control away")
    }
  }

  @inline(never) private func reparent(_ step: ProgramStep, _ me: Int) {
    guard let target = table[step.slot], let parent = table[step.other] else { return }
    do {
      try target.reparent(to: parent)
      log(.did, me)
    } catch { log(ProgramFault(error), .refused, me) }
  }

  @inline(never) private func freeze(_ step: ProgramStep, _ me: Int) {
    do {
      try table[step.slot]?.freeze()
      log(.did, me)
    } catch { log(ProgramFault(error), .refused, me) }
  }

  @inline(never) private func look(_ me: Int) {
    let states = table.reduce(0) { sum, one in sum * 8 + (one.map { $0.programState } ?? 7) }
    let parents = table.reduce(0) { sum, one in
      sum * 32 + (one?.parent.flatMap { $0 === Greenlet.main ? 0 : Int($0.name) } ?? 31)
    }
    log(.looked, me, states, parents)
    log(.looked, me, local.value)
  }

  @inline(never) private func put(_ greenlet: Greenlet, in slot: Int) { table[slot] = greenlet }

  /// The old one goes when the table is whole again.
  @inline(never) private func empty(_ slot: Int) {
    let old = table[slot].take()
    withExtendedLifetime(old) {}
  }

  // MARK: - Making

  private func greenlet(_ step: ProgramStep) -> Greenlet {
    switch step.takes {
    case .none?: greenlet(step, ProgramCarriers.none)
    case .word?: greenlet(step, ProgramCarriers.word)
    case .object?: greenlet(step, ProgramCarriers.object)
    case .large?: greenlet(step, ProgramCarriers.large)
    case .huge?: greenlet(step, ProgramCarriers.huge)
    case .any?, .exit?, nil: greenlet(step, ProgramCarriers.any)
    }
  }

  private func greenlet<Input>(
    _ step: ProgramStep, _ input: ProgramCarrier<Input>
  ) -> Greenlet {
    switch step.gives {
    case .none: greenlet(step, input, ProgramCarriers.none)
    case .word: greenlet(step, input, ProgramCarriers.word)
    case .object: greenlet(step, input, ProgramCarriers.object)
    case .large: greenlet(step, input, ProgramCarriers.large)
    case .huge: greenlet(step, input, ProgramCarriers.huge)
    case .any, .exit: preconditionFailure("a body gave what is not sent")
    }
  }

  private func greenlet<Input, Output>(
    _ step: ProgramStep, _ input: ProgramCarrier<Input>, _ output: ProgramCarrier<Output>
  ) -> Greenlet {
    made += 1
    let me = made
    // In the usual mode nothing is asked for, so that the short ways are taken, too.
    let stacks: StackStrategy? =
      step.frames == .sliced ? .sliced : mode == .scarce || mode == .mixed ? .pool(pool) : nil
    let parent = table[step.other] ?? Greenlet.main
    let locals: GreenletLocals.Inheritance =
      switch step.locals {
      case .empty: .empty
      case .copy: .copy
      case .share: .share
      }
    if step.flag { return Greenlet("\(me)", parent: parent, stacks: stacks, locals: locals) }
    let load = ProgramLoad(tally, me)
    return Greenlet("\(me)", parent: parent, stacks: stacks, locals: locals) {
      (first: Input) in
      let (kind, number) = input.read(first)
      self.log(.started, me, kind.code, number)
      defer { withExtendedLifetime(load) {} }
      do {
        let flow = try self.play(me, isBase: true)
        self.log(.died, me, -1)
        if case .finish(let number) = flow { return output.make(self.tally, number) }
        return output.make(self.tally, 0)
      } catch {
        self.log(ProgramFault(error), .died, me)
        throw error
      }
    }
  }

  private func watch() {
    GreenletWatchdog.watchThisThread(limit: .seconds(1000))
    Greenlet.setTracer { [unowned self] event in
      guard event.kind == .switch || event.kind == .throw else { return }
      let origin = event.origin.isMain ? 0 : Int(event.origin.name) ?? -1
      let target = event.target.isMain ? 0 : Int(event.target.name) ?? -1
      log(event.kind == .throw ? .threw : .moved, target, origin)
    }
  }
}

extension Greenlet {
  fileprivate var programState: Int {
    switch state {
    case .unstarted: 0
    case .running: 1
    case .suspended: 2
    case .dead: 3
    case .orphaned: 4
    }
  }
}

extension ProgramKind {
  /// A number for it, the same in the model and in the player.
  var code: Int {
    switch self {
    case .none: 1
    case .word: 2
    case .object: 3
    case .large: 4
    case .huge: 5
    case .any: 6
    case .exit: 7
    }
  }
}
