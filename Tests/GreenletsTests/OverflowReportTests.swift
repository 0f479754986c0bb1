// Who overflowed: the process dies of it as before, and says whose stack it was.

import CFaults
import CSanitizers
import Foundation
import Greenlets
import Stacks
import Testing

/// What the tests of overflows do in their children.
enum Overflowing {
  static let isOurs: ConditionTrait = .enabled(
    if: gb_sanitizer_kind == gb_sanitizer_none, "a sanitizer handles faults itself")

  /// Not a sum: the optimiser makes a loop of that.
  @inline(never) static func dig(_ depth: Int) -> Int {
    depth < 0 ? 0 : (dig(depth + 1) ^ depth) &* 31
  }

  /// Turns the report on in a process that nothing else handles faults of: not Swift's own handler of
  /// crashes, whose backtraces take a second each.
  static func enable() {
    if gb_sanitizer_kind == gb_sanitizer_none { signal(SIGSEGV, SIG_DFL) }
    guard OverflowReport.enable() else { _exit(3) }
  }

  /// The sites of the two that follow.
  static let sites = (greenlet: "\(#fileID):\(#line + 3)", coroutine: "\(#fileID):\(#line + 10)")

  static func overflowGreenlet(_ name: String? = nil) {
    let digger = Greenlet(name, stacks: .pool(StackPool(stackSize: .kibibytes(32)))) { dig(1) }
    // It overflows: there is nothing to return.
    _ = try? digger.switch() as Int
  }

  static func overflowCoroutine() {
    // As above: what it would throw is never thrown.
    let digger = try? Coroutine<Int, Int>(on: StackPool(stackSize: .kibibytes(32))) { dig($1) }
    // As above.
    _ = try? digger?.resume(1)
  }

  /// The lines of the report.
  static func lines(_ content: [UInt8]) -> [String] {
    String(decoding: content, as: UTF8.self).split(separator: "\n").map(String.init)
      .filter { $0.hasPrefix("greenlets: ") }
  }
}

@Suite(Overflowing.isOurs) struct OverflowReportTests {
  @Test("V13: an overflow names the greenlet, its site, its depth and its stack, and the fault")
  func anOverflowNamesTheGreenlet() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      Overflowing.overflowGreenlet("digger")
    }
    let line = try #require(Overflowing.lines(result.standardErrorContent).first)
    let form =
      #/
      greenlets:\ stack\ overflow\ in\ "digger"\ \(greenlet\ number\ 2\),
      \ made\ at\ (?<site>\S+),
      \ (?<frames>\d+)\ frames\ deep,\ in\ .*\+0x[0-9a-f]+;
      \ its\ stack\ is\ 0x(?<lowest>[0-9a-f]+)-0x(?<top>[0-9a-f]+)\ \((?<bytes>\d+)\ bytes\),
      \ the\ fault\ is\ at\ 0x(?<fault>[0-9a-f]+);\ give\ it\ a\ larger\ one
      /#
    let found = try #require(line.wholeMatch(of: form), "\(line)")
    #expect(found.site == Overflowing.sites.greenlet)
    let (lowest, top, fault) = (
      try #require(Int(found.lowest, radix: 16)), try #require(Int(found.top, radix: 16)),
      try #require(Int(found.fault, radix: 16))
    )
    #expect(top - lowest == 32_768 && found.bytes == "32768")
    #expect(fault < lowest && fault >= lowest - 65_536, "in the guard")
    // Frames of this function take between 16 bytes and 256, in any build.
    let frames = try #require(Int(found.frames))
    #expect((128...2048).contains(frames))
  }

  @Test("V13: an overflow of a coroutine is reported as one")
  func aCoroutine() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      Overflowing.overflowCoroutine()
    }
    let start =
      "greenlets: stack overflow in \"coroutine\" (a coroutine), made at \(Overflowing.sites.coroutine), "
    let line = try #require(Overflowing.lines(result.standardErrorContent).first)
    #expect(line.hasPrefix(start) && line.contains(" frames deep"), "\(line)")
  }

  @Test("V13: a coroutine that a greenlet resumes is not taken for that one")
  func aCoroutineInAGreenlet() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      OverflowReport.describeThread(as: "the thread's work")
      let resumer = Greenlet("resumer") { Overflowing.overflowCoroutine() }
      try resumer.switch()
    }
    let line = try #require(Overflowing.lines(result.standardErrorContent).first)
    #expect(line.hasPrefix("greenlets: stack overflow in \"the thread's work\" (a coroutine)"))
  }

  @Test("V13: an overflow on another thread is reported, though that has coroutines alone")
  func onAnotherThread() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      gb_on_thread { Overflowing.overflowCoroutine() }
    }
    #expect(Overflowing.lines(result.standardErrorContent).count == 1)
  }

  @Test("V13: a name stays on its line and between its quotes, and is cut at 127 bytes")
  func namesAreQuoted() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      let name = "one\n\"two\" grün " + String(repeating: "x", count: 200)
      Overflowing.overflowGreenlet(name)
    }
    let lines = Overflowing.lines(result.standardErrorContent)
    #expect(lines.count == 1)
    let shown = "one?'two' grün " + String(repeating: "x", count: 111)
    #expect(
      lines.first?.hasPrefix("greenlets: stack overflow in \"\(shown)\" (greenlet") == true,
      "\(lines)")
  }

  @Test("V13: a greenlet that got its name later has that; one without is a greenlet")
  func namesMayChange() async throws {
    let renamed = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      let digger = Greenlet("first") { Overflowing.dig(1) }
      digger.name = "second"
      _ = try digger.switch() as Int
    }
    #expect(
      Overflowing.lines(renamed.standardErrorContent).first?.contains("in \"second\" (") == true)
    let unnamed = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      // The core of a greenlet that had a name, and is free again.
      do { _ = try Greenlet("gone") { 1 }.switch() as Int }
      Overflowing.overflowGreenlet()
    }
    #expect(
      Overflowing.lines(unnamed.standardErrorContent).first?.contains("in \"greenlet\" (") == true)
  }

  @Test("V13: other faults are no overflows, and end the process as ever")
  func otherFaults() async throws {
    let null = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      let one = Greenlet { Touching.touch(8) }
      try one.switch()
    }
    #expect(Overflowing.lines(null.standardErrorContent).isEmpty)
    let guarded = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      // The own guard, but the stack pointer is far above it.
      let one = Greenlet(stacks: .dedicated(size: .kibibytes(64))) {
        Touching.touch(Touching.here() - 65_536 - 32_768)
      }
      try one.switch()
    }
    #expect(Overflowing.lines(guarded.standardErrorContent).isEmpty)
    let bus = try await #require(
      processExitsWith: .signal(SIGBUS), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      signal(SIGBUS, SIG_DFL)
      let one = Greenlet { gb_bus_fault() }
      try one.switch()
    }
    #expect(Overflowing.lines(bus.standardErrorContent).isEmpty)
  }

  @Test("V13: a signal that is sent ends the process, and is no overflow")
  func sentSignals() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      let one = Greenlet {
        raise(SIGSEGV)
        _exit(4)
      }
      try one.switch()
    }
    #expect(Overflowing.lines(result.standardErrorContent).isEmpty)
  }
}

struct OverflowSanitizerTests {
  @Test(
    "V11: under a sanitizer the report comes before the sanitizer's own, which ends the process",
    .enabled(if: gb_sanitizer_kind != gb_sanitizer_none, "only under a sanitizer"))
  func sanitizersComeNext() async throws {
    let result = try await #require(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      Overflowing.overflowGreenlet("digger")
    }
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.contains("greenlets: stack overflow in \"digger\" (greenlet number "))
    if gb_sanitizer_kind == gb_sanitizer_address { #expect(text.contains("AddressSanitizer")) }
  }
}

/// Touches what it may not.
enum Touching {
  @inline(never) static func touch(_ address: UInt) {
    // SAFETY: none: the fault is what is wanted.
    unsafe UnsafeMutablePointer<UInt8>(bitPattern: address)?.pointee = 1
  }

  /// An address of the running stack.
  @inline(never) static func here() -> UInt {
    var local = 0
    return unsafe withUnsafeMutablePointer(to: &local) { UInt(bitPattern: $0) }
  }
}
