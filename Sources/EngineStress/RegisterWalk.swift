// Walks among coroutines of a backend, each switch with random patterns in the registers it must keep.

import CRegisters
import Stacks
import StressKit
import WorkloadKit

/// What a walk looks at beside registers; called after every switch.
typealias Glance = () throws -> Void

/// A walk among coroutines of one backend.
struct RegisterWalk {
  /// As on the command line, with `-own` where control words are each coroutine's own.
  let name: String

  /// How many switches take about as long as one of the cheapest.
  let cost: Int

  private let make: @Sendable (Marks, StackPool, Int) throws -> Void

  /// A walk of a backend.
  ///
  /// One that owns has control words of its own on both sides of a switch.
  init<Backend: SwitchBackend & ~Copyable>(
    _: Backend.Type, owns: Bool = false, cost: Int = 1
  ) {
    name = Backend.name
    self.cost = cost
    make = { marks, pool, switches in
      try Self.walk(Backend.self, marks, pool, switches, owns: owns)
    }
  }

  /// Walks.
  ///
  /// - Returns: The switches that were compared.
  /// - Throws: `Finding`.
  func run(switches: Int, seed: UInt64, glance: @escaping Glance = {}) throws -> Int {
    let marks = Marks(seed: seed, glance: glance)
    defer { marks.end() }
    try make(marks, StackPool(stackSize: .kibibytes(64)), switches)
    if let what = marks.mismatch { throw Finding("\(name): \(what)") }
    return marks.crossings
  }

  private static let coroutines = 8

  private static func walk<Backend: SwitchBackend & ~Copyable>(
    _: Backend.Type, _ marks: Marks, _ pool: StackPool, _ switches: Int, owns: Bool
  ) throws {
    var members: [Member<Backend>] = []
    for number in 0..<coroutines {
      members.append(
        try Member<Backend>(on: pool, body: MarkedBody(marks: marks, owns: owns, key: number)))
    }
    var (chosen, word, reply) = (members[0], 0, 0)
    let crossing = Crossing { reply = try chosen.resume(word) }
    var generator = TrialGenerator(seed: marks.seed)
    // Each resume is two switches.
    for round in 0..<switches / 2 {
      let number = Int(truncatingIfNeeded: generator.next() >> 32) & (coroutines - 1)
      (chosen, word) = (members[number], round)
      try marks.cross(crossing, owns: owns)
      guard reply == MarkedBody.answer(to: round, of: number) else {
        throw Finding("\(Backend.name): \(reply) came back for \(round) from coroutine \(number)")
      }
    }
  }
}

/// Answers every word, after a look at its registers.
private struct MarkedBody: ContextBody {
  let marks: Marks
  let owns: Bool
  let key: Int

  static func answer(to word: Int, of key: Int) -> Int { word &* 8 &+ key }

  func run(_ suspender: some WordSuspender, _ word: Int) throws -> Int {
    guard gb_misalignment() == 0 else { throw Finding("a stack that is not aligned to 16 bytes") }
    var word = word
    let key = key
    let crossing = Crossing { word = try suspender.suspend(Self.answer(to: word, of: key)) }
    while true { try marks.cross(crossing, owns: owns) }
  }
}

/// The marked calls of one thread.
@safe private final class Marks {
  // Invariant: ours until deinit.
  private let marked: UnsafeMutablePointer<gb_marked>
  private let glance: Glance
  let seed: UInt64

  init(seed: UInt64, glance: @escaping Glance) {
    unsafe marked = .allocate(capacity: 1)
    unsafe gb_marked_begin(marked, seed)
    (self.seed, self.glance) = (seed, glance)
  }

  deinit { unsafe marked.deallocate() }

  /// Switches, and looks when it is back.
  @inline(__always) func cross(_ crossing: Crossing, owns: Bool) throws {
    // SAFETY: the crossing is held by the caller until the call is over.
    unsafe gb_marked_call(
      marked, { unsafe Crossing.go($0) }, Unmanaged.passUnretained(crossing).toOpaque(), owns)
    if let failure = crossing.failure.take() { throw failure }
    try glance()
  }

  /// Control words as they were before.
  func end() { unsafe gb_marked_end(marked) }

  var crossings: Int { unsafe Int(marked.pointee.crossings) }

  /// The first thing that was not as it must be.
  var mismatch: String? {
    guard unsafe marked.pointee.mismatches > 0 else { return nil }
    return unsafe withUnsafeBytes(of: marked.pointee.first) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
