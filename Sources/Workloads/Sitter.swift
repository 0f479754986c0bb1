// A body that sits on its stack: it touches some lines of it and answers when it is visited.

public import Stacks
public import WorkloadKit

/// Holds lines of canaries on its frames, and reads all of them at every visit.
///
/// The first word says who it is: a body without state makes no closure larger.
@usableFromInline struct Sitter: ContextBody {
  @inlinable init() {}

  /// What the first word packs; both are far below their limits.
  @inlinable static func introduction(_ number: Int, touching bytes: Int) -> Int {
    number << 24 | bytes
  }

  /// Asks for the number alone.
  @inlinable static var roll: Int { .min }

  /// What a visit adds to the token.
  @inlinable static func share(_ number: Int, touching bytes: Int) -> Int {
    // Whole lines, at least one.
    number &+ max(1, bytes / TouchedBlock.line) &* TouchedBlock.line
  }

  @inlinable @inline(never) func run(
    _ suspender: some WordSuspender, _ first: Int
  ) throws -> Int {
    try hold(suspender, first >> 24, (first & 0xFF_FFFF) / TouchedBlock.line, nil)
  }

  // A frame cannot be as large as a parameter says, so frames of three sizes are nested.
  @inlinable @inline(__always) func hold(
    _ suspender: some WordSuspender, _ number: Int, _ lines: Int, _ outer: TouchedBlock?
  ) throws -> Int {
    if lines >= 16 { return try holdSixteen(suspender, number, lines - 16, outer) }
    if lines >= 4 { return try holdFour(suspender, number, lines - 4, outer) }
    if lines > 0 || outer == nil { return try holdOne(suspender, number, lines - 1, outer) }
    guard let outer else { preconditionFailure("a body that touches nothing") }
    return try answer(suspender, number, outer)
  }

  @inlinable @inline(never) func holdSixteen(
    _ suspender: some WordSuspender, _ number: Int, _ rest: Int, _ outer: TouchedBlock?
  ) throws -> Int {
    try TouchedBlock.sixteen(number, within: outer) { try next(suspender, number, rest, $0) }
  }

  @inlinable @inline(never) func holdFour(
    _ suspender: some WordSuspender, _ number: Int, _ rest: Int, _ outer: TouchedBlock?
  ) throws -> Int {
    try TouchedBlock.four(number, within: outer) { try next(suspender, number, rest, $0) }
  }

  @inlinable @inline(never) func holdOne(
    _ suspender: some WordSuspender, _ number: Int, _ rest: Int, _ outer: TouchedBlock?
  ) throws -> Int {
    try TouchedBlock.one(number, within: outer) { try next(suspender, number, rest, $0) }
  }

  @inlinable @inline(__always) func next(
    _ suspender: some WordSuspender, _ number: Int, _ rest: Int, _ block: TouchedBlock
  ) throws -> Int {
    rest > 0
      ? try holdMore(suspender, number, rest, block) : try answer(suspender, number, block)
  }

  @inlinable @inline(never) func holdMore(
    _ suspender: some WordSuspender, _ number: Int, _ rest: Int, _ block: TouchedBlock
  ) throws -> Int { try hold(suspender, number, rest, block) }

  @inlinable @inline(__always) func answer(
    _ suspender: some WordSuspender, _ number: Int, _ block: TouchedBlock
  ) throws -> Int {
    var reply = number
    while true {
      let token = try suspender.suspend(reply)
      let bytes = try block.touch(number)
      reply = token == Self.roll ? number : token &+ number &+ bytes
    }
  }
}

/// Sitters, all of them suspended, and where the next visit goes.
@usableFromInline struct SittingRow<Backend: SwitchBackend & ~Copyable> {
  @usableFromInline let row: CoroutineRow<Backend>
  @usableFromInline var place = 0

  /// Visits in a unit of work, however many coroutines there are.
  ///
  /// A round over a million of them would be a batch of a second.
  @inlinable static var visits: Int { 1000 }

  /// Frames of the backend and of what is called at the innermost point.
  static var reserve: Int { 6144 }

  /// Makes and starts them.
  ///
  /// - Throws: ``StackTooSmall``, or what the backend throws.
  @inlinable @inline(__always) init(
    _ count: Int, touching bytes: Int, stacks: StackPool
  ) throws {
    try Self.refuse(bytes, on: stacks)
    row = try CoroutineRow(count, on: stacks) { _ in Sitter() }
    for number in 0..<count {
      _ = try row.resume(number, Sitter.introduction(number, touching: bytes))
    }
  }

  @usableFromInline static func refuse(_ bytes: Int, on stacks: StackPool) throws {
    // Blocks of sixteen lines come with a frame of their own.
    let needed = bytes + bytes / 8 + reserve
    let available = stacks.stackSize.bytes
    guard needed <= available else {
      throw StackTooSmall(
        what: "touch=\(bytes)", needed: needed, available: available,
        mend: "touch less or choose larger stacks")
    }
  }

  /// A unit of work: so many visits in the row's own order, or in another one.
  @inlinable @inline(__always) mutating func visit(in order: [Int]? = nil) throws -> Int {
    var token = 0
    for _ in 0..<Self.visits {
      token = try row.resume(order?[place] ?? place, token)
      place += 1
      if place == row.count { place = 0 }
    }
    return token
  }

  /// Calls the roll: all are alive, and their canaries right.
  @inlinable @inline(__always) func callRoll() throws {
    for number in 0..<row.count {
      guard try row.resume(number, Sitter.roll) == number else { throw CanaryError(key: number) }
    }
  }
}
