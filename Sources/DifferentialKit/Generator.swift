// Makes random programs; the same seed makes the same program everywhere.

/// Sebastiano Vigna's SplitMix64: 64 bits of state, passes the usual tests, the same everywhere.
public struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A number below a bound.
  ///
  /// Not `Int.random`: what the standard library makes of the bits is its own business.
  mutating func below(_ bound: Int) -> Int {
    Int(truncatingIfNeeded: next() >> 33) % bound
  }

  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

/// Makes the programs of one run.
public struct Generator: Sendable {
  let seed: UInt64
  let without: Set<Verb>

  public init(seed: UInt64, without: Set<Verb> = []) {
    self.seed = seed
    self.without = without
  }

  /// Program number `index` of the run; independent of the others.
  public func program(_ index: Int) -> Program {
    var mixer = SplitMix64(seed: seed)
    var draft = Draft(
      random: SplitMix64(seed: mixer.next() ^ (UInt64(index) &* 0xd6e8_feb8_6659_fd93)),
      without: without)
    return draft.program()
  }
}

/// A program in the making.
private struct Draft {
  var random: SplitMix64
  let without: Set<Verb>
  var names: [String] = []
  var slots = 0

  /// Where a statement stands.
  struct Place {
    var isMain: Bool
    var depth = 0
    var isHandler = false
  }

  mutating func program() -> Program {
    // Few slots make the greenlets meet.
    slots = 2 + random.below(Program.slots - 3)
    names = (0..<2 + random.below(4)).map { String("abcdef".dropFirst($0).prefix(1)) }
    let main = Place(isMain: true)
    var statements: [Statement] = (0..<1 + random.below(4)).map { _ in
      .operation(filled(.new))
    }
    statements += block(6 + random.below(12), at: main)
    var bodies = [Program.Body(name: "main", statements: statements)]
    for name in names {
      let place = Place(isMain: false)
      bodies.append(.init(name: name, statements: block(1 + random.below(8), at: place)))
    }
    return Program(bodies: bodies)
  }

  mutating func block(_ count: Int, at place: Place) -> [Statement] {
    (0..<count).map { _ in statement(at: place) }
  }

  mutating func statement(at place: Place) -> Statement {
    guard place.depth < 3, random.chance(22) else {
      return .operation(filled(verb(at: place)))
    }
    var inner = place
    inner.depth += 1
    var handling = inner
    handling.isHandler = true
    switch random.below(10) {
    case 0...4:
      let kinds = Catch.allCases
      return .attempt(
        block(1 + random.below(4), at: inner), catching: kinds[random.below(kinds.count)],
        handler: block(random.below(3), at: handling))
    case 5...7:
      return .finally(
        block(1 + random.below(4), at: inner), cleanup: block(random.below(3), at: inner))
    default:
      return .loop(times: 1 + random.below(4), block(1 + random.below(3), at: inner))
    }
  }

  /// How often a verb is wanted, of a thousand or so.
  static func weight(_ verb: Verb, at place: Place) -> Int {
    switch verb {
    case .new: 120
    case .change: 210
    case .send: 40
    case .raiseInto: 90
    case .reparent: 60
    case .drop: 80
    case .keep: 25
    case .copy: 25
    case .look, .who: 15
    case .raise: place.isMain ? 3 : 35
    case .again: place.isHandler ? 60 : 0
    case .leave: place.isMain ? 2 : 35
    case .yield: place.isMain ? 2 : 150
    case .defy: 1
    case .farSwitch, .farThrow, .farDrop: 4
    }
  }

  mutating func verb(at place: Place) -> Verb {
    let verbs = Verb.allCases.filter { !without.contains($0) }
    var rest = random.below(verbs.reduce(0) { $0 + Self.weight($1, at: place) })
    for verb in verbs {
      rest -= Self.weight(verb, at: place)
      if rest < 0 { return verb }
    }
    return .who
  }

  /// The verb with arguments of its kinds.
  mutating func filled(_ verb: Verb) -> Operation {
    var operation = Operation(verb)
    for argument in verb.signature {
      switch argument {
      case .slot:
        // Slot 0 keeps main as long as nobody overwrites it.
        let spares: Set<Verb> = [.new, .drop, .keep, .copy, .farDrop, .reparent]
        operation.slot = random.chance(spares.contains(verb) ? 2 : 12) ? 0 : slot()
      case .other: operation.other = random.chance(15) ? 0 : slot()
      case .parent: operation.other = random.chance(60) ? nil : random.below(slots + 1)
      case .body: operation.body = names[random.below(names.count)]
      case .value: operation.value = value()
      case .fault:
        let faults = ["e1", "e2", "e3", "x1", "x2", "y1", "x0"]
        operation.fault = faults[random.below(faults.count)]
      }
    }
    return operation
  }

  mutating func slot() -> Int { 1 + random.below(slots) }

  mutating func value() -> Value {
    func numbers(_ count: Int) -> [Int] { (0..<count).map { _ in random.below(9) } }
    return switch random.below(10) {
    case 0...2: .none
    case 3...5: .int(random.below(100))
    case 6...7: .text(String("greenlet".dropFirst(random.below(6)).prefix(2)))
    case 8: .tuple(numbers(1 + random.below(3)))
    default: .several(numbers(2 + random.below(2)))
    }
  }
}
