// Rows E and B: faults, errors within greenlets, the end of the process, generators.

import CSwitch
import Foundation
import Greenlets
import Stacks
import Testing

struct RowsFaultsTests {
  struct Boom: Error, Equatable { var number = 1 }
  final class Token {}

  @Test("E1: a first switch without a stack is refused; the greenlet stays as it was")
  func noStack() throws {
    let pool = StackPool(stackSize: .kibibytes(64), limit: 1)
    let main = Greenlet.main
    let first = Greenlet("first", stacks: .pool(pool)) { try main.switch() }
    try first.switch()
    let second = Greenlet("second", stacks: .pool(pool)) { (number: Int) in number + 1 }
    #expect {
      try second.switch(1)
    } throws: { error in
      guard case .noStack(greenlet: "second", let reason)? = error as? GreenletError else {
        return false
      }
      return reason == StackError.limitReached(count: 1).description
    }
    #expect(second.state == .unstarted && Greenlet.current === main)
    try first.kill()
    #expect(try second.switch(1) as Int == 2, "it can be tried again")
  }

  @Test("E1: the same by an injected fault, which happens once")
  func injectedStack() throws {
    let one = Greenlet("one") { (number: Int) in number + 1 }
    var faults = GreenletFaults()
    faults.failingStack = 1
    GreenletFaults.ofThisThread = faults
    #expect(throws: GreenletError.noStack(greenlet: "one", reason: "an injected fault")) {
      try one.switch(1)
    }
    #expect(one.state == .unstarted)
    #expect(try one.switch(1) as Int == 2)
    GreenletFaults.ofThisThread = GreenletFaults()
  }

  @Test("E2: a switch that fails throws in the switcher; the target can be used afterwards")
  func injectedSwitch() throws {
    let main = Greenlet.main
    let one = Greenlet("one") { () -> Int in
      let number: Int = try main.switch()
      return number + 1
    }
    try one.switch()
    weak var watched: Token?
    var faults = GreenletFaults()
    faults.failingSwitch = 1
    GreenletFaults.ofThisThread = faults
    do {
      let token = Token()
      watched = token
      #expect(throws: GreenletError.injected(greenlet: "one", current: "main")) {
        try one.switch(token)
      }
    }
    GreenletFaults.ofThisThread = GreenletFaults()
    #expect(watched == nil, "the message is released")
    #expect(one.state == .suspended)
    #expect(try one.switch(1) as Int == 2)
  }

  @Test("E2: a suspension that is made to fail throws where it waits, and nothing is lost")
  func injectedSuspension() throws {
    let one = Greenlet { 1 }
    var faults = GreenletFaults()
    faults.throwingSuspension = 1
    faults.error = Boom(number: 2)
    GreenletFaults.ofThisThread = faults
    #expect(throws: Boom(number: 2)) { try one.switch() }
    GreenletFaults.ofThisThread = GreenletFaults()
    #expect(one.state == .dead)
  }

  @Test("E3: a first frame whose function returns ends the process, and runs nothing else")
  func firstFrameReturns() async {
    await #expect(processExitsWith: .failure) {
      let stack = UnsafeMutableRawPointer.allocate(byteCount: 65_536, alignment: 16)
      var (here, there) = unsafe (gb_context(), gb_context())
      unsafe gb_context_init(&there, stack + 65_536, { _, _ in }, nil)
      unsafe _ = gb_switch_outofline(&here, &there, 0)
      exit(EXIT_SUCCESS)
    }
  }

  @Test("E4, V3: errors that are thrown and caught at several depths stay in their greenlets")
  func interleavedErrors() throws {
    let main = Greenlet.main
    func deep(_ depth: Int, _ number: Int) throws {
      if depth == 0 {
        try main.switch()
        throw Boom(number: number)
      }
      do { try deep(depth - 1, number) } catch let boom as Boom {
        try main.switch()
        throw Boom(number: boom.number + 10)
      }
    }
    let results = Place<[Int]>([])
    let four = (1...4).map { number in
      Greenlet {
        do { try deep(3, number) } catch let boom as Boom { results.value?.append(boom.number) }
      }
    }
    var rounds = 0
    while four.contains(where: { !$0.isDead }) {
      for one in four where !one.isDead { try one.switch() }
      rounds += 1
    }
    #expect(results.value == [31, 32, 33, 34])
    #expect(rounds == 5)
  }

  @Test("E6: a greenlet that an error leaves is released with all it held")
  func released() throws {
    weak var (token, handle): (Token?, Greenlet?)
    func fail() throws {
      let inside = Token()
      let one = Greenlet { () -> Int in
        withExtendedLifetime(inside) {}
        throw Boom()
      }
      (token, handle) = (inside, one)
      _ = try one.switch() as Int
    }
    #expect(throws: Boom.self) { try fail() }
    #expect(token == nil && handle == nil)
  }

  @Test("E7: a process may exit with greenlets in any state, from within a greenlet")
  func exits() async {
    await #expect(processExitsWith: .exitCode(42)) {
      let main = Greenlet.main
      let far = JoinedThread()
      let held = Place<[Greenlet]>([])
      far.run {
        let main = Greenlet.main
        for _ in 0..<3 {
          let one = Greenlet { try main.switch() }
          expectNoError { try one.switch() }
          held.value?.append(one)
        }
      }
      let suspended = Greenlet { try main.switch() }
      try suspended.switch()
      held.value? += [suspended, Greenlet { 1 }]
      let outer = Greenlet {
        let inner = Greenlet {
          // An engine that is still used in exit handlers.
          atexit {
            let sum = try? Greenlet { (number: Int) in number + 1 }.switch(1) as Int
            _exit(sum == 2 ? 42 : 43)
          }
          exit(EXIT_SUCCESS)
        }
        try inner.switch()
      }
      try outer.switch()
    }
  }

  @Test("E7: a process that ends while another thread runs a greenlet ends in peace")
  func exitsWhileOthersRun() async {
    await #expect(processExitsWith: .success) {
      let far = JoinedThread()
      let begun = DispatchSemaphore(value: 0)
      far.begin {
        let echo = Greenlet { (number: Int) in
          var number = number
          while true { number = try Greenlet.main.switch(number + 1) }
        }
        begun.signal()
        var number = 0
        while true { number = (try? echo.switch(number)) ?? 0 }
      }
      begun.wait()
      exit(EXIT_SUCCESS)
    }
  }

  @Test("E8: a machine without a switch is refused at compile time; this one has its own")
  func machines() throws {
    let folder = Sources.root.appending(path: "Sources/CSwitch")
    let header = try String(
      contentsOf: folder.appending(path: "include/CSwitch.h"), encoding: .utf8)
    let branches = header.split(separator: "#if defined(__x86_64__)").last.map(String.init) ?? ""
    let choice = branches.prefix(
      upTo: branches.range(of: "#endif")?.lowerBound ?? branches.endIndex)
    #expect(choice.contains("#else\n#error"))
    for name in ["switch_x86_64_sysv", "switch_aarch64_aapcs"] {
      #expect(choice.contains("#include \"\(name).h\""))
      let file = folder.appending(path: name + ".S").path
      #expect(FileManager.default.fileExists(atPath: file))
    }
  }

  // MARK: - Building blocks

  private indirect enum Tree {
    case leaf
    case node(Tree, Int, Tree)
  }

  @Test("B1: a generator yields from any depth of its calls")
  func generator() {
    func walk(_ tree: Tree, _ yield: GreenletSequence<Int>.Yielder) throws {
      guard case .node(let left, let value, let right) = tree else { return }
      try walk(left, yield)
      try yield(value)
      try walk(right, yield)
    }
    let tree = Tree.node(.node(.leaf, 1, .leaf), 2, .node(.node(.leaf, 3, .leaf), 4, .leaf))
    let sequence = GreenletSequence<Int> { try walk(tree, $0) }
    #expect(Array(sequence) == [1, 2, 3, 4])
    #expect(Array(sequence.prefix(2)) == [1, 2], "each iteration runs the body anew")
  }

  @Test("B2: a generator may loop over others, itself recursive, and yield to outer ones")
  func nestedGenerators() {
    func permutations(_ items: [Int]) -> GreenletSequence<[Int]> {
      GreenletSequence { yield in
        guard let first = items.first else { return try yield([]) }
        for rest in permutations(Array(items.dropFirst())) {
          for place in 0...rest.count {
            try yield(Array(rest.prefix(place)) + [first] + Array(rest.dropFirst(place)))
          }
        }
      }
    }
    let all = Array(permutations([1, 2, 3]))
    #expect(all.count == 6 && Set(all).count == 6)

    let outer = GreenletSequence<String> { yield in
      let inner = GreenletSequence<Int> { number in
        for one in 1...2 {
          try yield("to the outer level: \(one)")
          try number(one)
        }
      }
      for one in inner { try yield("inner: \(one)") }
    }
    #expect(
      Array(outer) == [
        "to the outer level: 1", "inner: 1", "to the outer level: 2", "inner: 2",
      ])
  }

  @Test("B3: a yield outside of its generator is an error")
  func yieldsOutside() {
    let kept = Place<GreenletSequence<Int>.Yielder>()
    let sequence = GreenletSequence<Int> { yield in
      kept.value = yield
      try yield(1)
    }
    let iterator = sequence.makeIterator()
    #expect(iterator.next() == 1)
    #expect(throws: GreenletError.noGenerator) { try kept.value?(2) }
    #expect(iterator.next() == nil)
    #expect(throws: GreenletError.noGenerator) { try kept.value?(3) }
    #expect(iterator.failure == nil)
  }
}

/// The package's own files.
enum Sources {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
}
