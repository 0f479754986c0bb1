// Trials that overflow a stack, in varied ways.

import CFaults
import Foundation
import Greenlets
import Stacks
import StressKit

#if GB_JEMALLOC
  import JemallocStacks
#endif

/// Where stacks come from.
struct Source: Sendable {
  let name: String
  let make: @Sendable () throws -> any StackSource

  static var all: [Source] {
    var all = [Source(name: MappedStackSource.name) { MappedStackSource() }]
    #if GB_JEMALLOC
      all.append(Source(name: JemallocStackSource.name) { try JemallocStackSource() })
    #endif
    return all
  }
}

/// What overflows.
enum Kind: String, CaseIterable {
  case greenlet, coroutine

  /// A greenlet on the stack that sliced ones share, which is a mapped one whatever the source is.
  case sliced
}

/// How it does so.
enum Way: String, CaseIterable {
  case narrow = "narrow frames"
  case wide = "frames of a random width"
  case single = "one frame wider than the stack"
  case allocating = "frames that allocate"
  case library = "a library's frames"
  case generic = "frames of a generic function"
}

/// A stack overflow.
struct Overflow: Fault {
  let source: Source
  let kind: Kind
  let way: Way
  let stackSize: ByteCount
  let frameBytes: Int
  let name: String?
  let neighbours: Int
  let isOnThread: Bool

  /// How often the stack was used before, nearly to its end.
  let livesBefore: Int

  /// Whether its pages were given back then.
  let isTrimmed: Bool

  init(_ source: Source, _ kind: Kind, _ generator: inout TrialGenerator) {
    self.source = source
    self.kind = kind
    way = Way.allCases.randomElement(using: &generator) ?? .narrow
    let size =
      kind == .sliced
      ? .mebibytes(8) : ByteCount.kibibytes(16 << Int.random(in: 0...4, using: &generator))
    // A frame that starts in the last bytes must still end in the guard: hence less than 64 KiB.
    frameBytes =
      way == .single
      ? Int.random(in: 24_000...60_000, using: &generator)
      : Int.random(in: 16...60_000, using: &generator)
    stackSize = way == .single && kind != .sliced ? .kibibytes(16) : size
    let names = [
      "gräber", "worker-\(generator.next())", String(repeating: "long ", count: 15), "x",
    ]
    name = Bool.random(using: &generator) ? names.randomElement(using: &generator) : nil
    neighbours = Int.random(in: 0...40, using: &generator)
    isOnThread = Int.random(in: 0..<4, using: &generator) == 0
    livesBefore = Int.random(in: 0...2, using: &generator)
    isTrimmed = Bool.random(using: &generator)
  }

  var description: String {
    "\(kind.rawValue), \(source.name): \(way.rawValue) of \(frameBytes) bytes on \(stackSize), "
      + "\(neighbours) neighbours, used \(livesBefore) times before"
      + (isTrimmed ? " and trimmed" : "") + (isOnThread ? ", on a thread" : "")
  }

  /// A greenlet's own name, or what its thread is said to do.
  private var shownName: String {
    switch (kind, name) {
    case (.greenlet, .some(let name)), (.sliced, .some(let name)): name
    case (.sliced, nil): "greenlet"
    case (.coroutine, .some(let name)): String(decoding: name.utf8.prefix(63), as: UTF8.self)
    case (_, nil): kind.rawValue
    }
  }

  func objection(to outcome: ChildOutcome) -> String? {
    let owner = kind == .coroutine ? "(a coroutine)" : "(greenlet number "
    let start = "greenlets: stack overflow in \"\(shownName)\" \(owner)"
    if outcome.end != 256 + SIGSEGV { return "another end" }
    if !outcome.said.hasPrefix(start) { return "another name" }
    let lines = outcome.said.split(separator: "\n").filter { $0.hasPrefix("greenlets: ") }
    if lines.count != 1 { return "\(lines.count) lines" }
    if !outcome.said.contains(", made at EngineStress/Overflow.swift:") { return "another place" }
    if !outcome.said.contains(" (\(stackSize.bytes) bytes)") { return "another size" }
    return nil
  }

  func fault() {
    guard OverflowReport.enable() else { return }
    if isOnThread {
      // SAFETY: written before the thread is made, which alone reads it.
      unsafe Self.current = self
      gb_on_thread { unsafe Overflow.current?.faultHere() }
    } else {
      faultHere()
    }
  }

  // SAFETY: written before the thread is made that alone reads it.
  nonisolated(unsafe) private static var current: Overflow?

  private func faultHere() {
    do {
      let pool = StackPool(source: try source.make(), stackSize: stackSize)
      let main = Greenlet.main
      let strategy = kind == .sliced ? StackStrategy.sliced : .pool(pool)
      // So that the one that overflows is not alone, nor the lowest.
      let before = (0..<neighbours / 2).map { _ in
        Greenlet("neighbour", stacks: strategy) { try main.switch() }
      }
      for one in before { try one.switch() }
      for _ in 0..<livesBefore { try live(strategy, pool) }
      if isTrimmed { try pool.trim() }
      switch kind {
      case .greenlet, .sliced:
        let digger = Greenlet(name, stacks: strategy) { (number: Int) in dig(number) }
        let after = (0..<neighbours - neighbours / 2).map { _ in
          Greenlet("neighbour", stacks: strategy) { try main.switch() }
        }
        for one in after { try one.switch() }
        _ = try digger.switch(1) as Int
      case .coroutine:
        if let name { OverflowReport.describeThread(as: name) }
        let digger = try Coroutine<Int, Int>(on: pool) { _, number in dig(number) }
        _ = try digger.resume(1)
      }
    } catch {
      _exit(3)
    }
  }

  /// Uses a stack deeply, and ends as it should.
  private func live(_ strategy: StackStrategy, _ pool: StackPool) throws {
    let depth = stackSize.bytes / 1024
    if kind == .coroutine {
      _ = try Coroutine<Int, Int>(on: pool) { _, depth in Digging.down(depth) }.resume(depth)
    } else {
      _ =
        try Greenlet(stacks: strategy) { (depth: Int) in Digging.down(depth) }.switch(depth) as Int
    }
  }

  private func dig(_ number: Int) -> Int {
    switch way {
    case .narrow: Digging.narrow(number)
    case .wide, .single: Int(gb_dig(frameBytes, Int32(number)))
    case .allocating: Digging.allocating(number, [number]).count
    case .library: Digging.library(number)
    case .generic: Digging.generic(number, [number])
    }
  }
}
