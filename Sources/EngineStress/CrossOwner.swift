// One of the threads that have greenlets, and handles of each other's.

import Foundation
import Greenlets
import Stacks
import Synchronization

/// Counts what messages and bodies hold, over all threads.
final class CrossTally: Sendable {
  private let count = Atomic<Int>(0)
  var alive: Int { count.load(ordering: .relaxed) }
  fileprivate func add(_ more: Int) { count.add(more, ordering: .relaxed) }
}

/// What a message or a body holds.
final class CrossLoad: Sendable {
  private let tally: CrossTally

  init(_ tally: CrossTally) {
    self.tally = tally
    tally.add(1)
  }

  deinit { tally.add(-1) }
}

/// The handles, for all threads: often the only ones.
final class CrossBoard: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the lock is held for every use of `slots`, and not while a handle
  // goes.
  private let lock = NSLock()
  private var slots: [Greenlet?]

  init(_ count: Int) { slots = Array(repeating: nil, count: count) }

  /// Another reference to what is in a slot.
  func hold(_ slot: Int) -> Greenlet? {
    lock.lock()
    defer { lock.unlock() }
    return slots[slot]
  }

  /// Exchanges what is in a slot.
  ///
  /// - Returns: What was there, for the caller to let go of.
  func put(_ greenlet: Greenlet?, in slot: Int) -> Greenlet? {
    lock.lock()
    defer { lock.unlock() }
    let old = slots[slot]
    slots[slot] = greenlet
    return old
  }

  func clear() { for slot in slots.indices { _ = put(nil, in: slot) } }
}

/// What one thread does; its greenlets count how often they were continued.
final class CrossOwner: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): its own thread uses it while the trial waits, and the trial when the
  // thread has ended or waits.
  let steps: [CrossStep]
  private let number: Int
  private let board: CrossBoard
  private let tally: CrossTally
  private let isBold: Bool

  /// How often each greenlet of ours was continued, by its number.
  private var turns: [UInt64: Int] = [:]
  private(set) var findings: [String] = []
  private(set) var count = 0

  init(
    _ number: Int, _ steps: [CrossStep], _ board: CrossBoard, _ tally: CrossTally, isBold: Bool
  ) {
    self.number = number
    self.steps = steps
    self.board = board
    self.tally = tally
    self.isBold = isBold
  }

  private struct Mishap: Error {}

  private func owns(_ slot: Int) -> Bool { slot / CrossStep.slots == number }

  /// Makes the steps, while other threads make theirs.
  func play() {
    for step in steps {
      count += 1
      switch step {
      case .change(let slot): change(slot)
      case .make(let slot, let starts): make(slot, starts)
      case .drop(let slot), .dropAny(let slot): drop(slot)
      case .drain: Greenlet.drain()
      case .attempt(let slot, let attempt):
        if isBold { refuse(slot, attempt, isEnded: false) }
      case .ask(let slot): ask(slot)
      }
    }
  }

  /// Tries on all that others have what is refused; they wait meanwhile, or have ended.
  ///
  /// - Parameter ended: The numbers of the threads that have ended.
  func tryOthers(ended: Range<Int>) {
    Greenlet.drain()
    for slot in 0..<CrossThread.threads * CrossStep.slots where !owns(slot) {
      let isEnded = ended.contains(slot / CrossStep.slots)
      for attempt in CrossAttempt.allCases { refuse(slot, attempt, isEnded: isEnded) }
      ask(slot)
    }
  }

  // MARK: - One's own

  @inline(never) private func change(_ slot: Int) {
    guard let one = board.hold(slot) else { return }
    do {
      let turn: Int = try one.switch(CrossLoad(tally))
      let expected = (turns[one.id] ?? 0) + 1
      if turn != expected { findings.append("\(one) was continued \(turn) times, not \(expected)") }
      turns[one.id] = turn
    } catch { findings.append("\(one) could not be continued by its own thread: \(error)") }
  }

  @inline(never) private func make(_ slot: Int, _ starts: Bool) {
    let main = Greenlet.main
    let own = CrossLoad(tally)
    let one = Greenlet("of \(number)") { (_: CrossLoad) throws -> Int in
      var turn = 0
      while true {
        turn += 1
        let _: CrossLoad = try withExtendedLifetime(own) { try main.switch(turn) }
      }
    }
    if starts {
      turns[one.id] = 1
      do { try one.switch(CrossLoad(tally)) } catch { findings.append("no start: \(error)") }
    }
    _ = board.put(one, in: slot)
  }

  @inline(never) private func drop(_ slot: Int) { _ = board.put(nil, in: slot) }

  // MARK: - Others'

  /// What any thread may ask of any greenlet.
  @inline(never) private func ask(_ slot: Int) {
    guard let one = board.hold(slot) else { return }
    let owner = slot / CrossStep.slots
    if one.name != "of \(owner)" { findings.append("\(one.name) in a slot of \(owner)") }
    if one == Greenlet.main || one != one { findings.append("\(one.name) is not itself") }
  }

  @inline(never) private func refuse(_ slot: Int, _ attempt: CrossAttempt, isEnded: Bool) {
    guard !owns(slot), let one = board.hold(slot) else { return }
    count += 1
    do {
      switch attempt {
      case .change: try one.switch(CrossLoad(tally))
      case .raise: try one.throw(Mishap())
      case .kill:
        try one.kill()
        // It had ended with its thread, and stays as it is.
        if isEnded, one.isDead { return }
      case .freeze:
        // What has no frames of its own has nothing to freeze, and that is no refusal.
        if try one.freeze().bytes == 0 { return }
      }
      findings.append("\(attempt) of \(one.name) was not refused")
    } catch GreenletError.wrongThread(let greenlet, _) where greenlet == one.name {
      return
    } catch GreenletError.threadEnded(let greenlet, _) where greenlet == one.name && isEnded {
      return
    } catch { findings.append("\(attempt) of \(one.name): \(error)") }
  }
}
