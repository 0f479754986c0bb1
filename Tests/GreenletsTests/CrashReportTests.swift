// Who crashed: the process dies of the signal as before, and says who ran and which calls led there.

import CFaults
import CSwitch
import Foundation
import Greenlets
import Stacks
import Testing

/// What the tests of crashes do in their children.
enum Crashing {
  /// As ``Overflowing/enable()``, for all signals of crashes.
  static func enable() {
    // Threads of the dispatch library block SIGABRT.
    Handler.unblockAll()
    for number in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS] {
      signal(number, SIG_DFL)
    }
    guard CrashReport.enable() else { _exit(3) }
  }

  /// Crashes some calls deep; not the last thing that it does.
  @inline(never) static func crash(_ depth: Int, _ act: () -> Void) -> Int {
    guard depth == 0 else { return crash(depth - 1, act) ^ depth }
    act()
    return depth
  }

  static let site = "\(#fileID):\(#line + 4)"

  static func inGreenlet(_ depth: Int = 3, bytes: Int = 32, _ act: @escaping () -> Void) {
    let pool = StackPool(stackSize: .kibibytes(bytes))
    let one = Greenlet("crasher", stacks: .pool(pool)) { crash(depth, act) }
    // It crashes: there is nothing to return.
    _ = try? one.switch() as Int
  }

  /// The places of the calls that a report tells, without those that are in doubt.
  static func calls(_ lines: [String]) -> [String] {
    lines.compactMap { $0.wholeMatch(of: /greenlets: at ([^ ]+)/).map { String($0.1) } }
  }
}

@Suite(Overflowing.isOurs) struct CrashReportTests {
  @Test("V13: a crash names the signal, the greenlet, its site and the fault, and tells its calls")
  func aCrashNamesTheGreenlet() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Crashing.enable()
      Crashing.inGreenlet { Touching.touch(8) }
    }
    let lines = Overflowing.lines(result.standardErrorContent)
    #expect(
      lines.first
        == "greenlets: signal 11 (SIGSEGV) in \"crasher\" (greenlet number 2), made at "
        + "\(Crashing.site), the fault is at 0x8; look its calls up with addr2line")
    let calls = Crashing.calls(lines)
    // `touch`, the closure, four of `crash`, and the greenlet's own beginning.
    #expect((6...64).contains(calls.count) && calls.count == lines.count - 1, "\(lines)")
    let form = /.+\+0x[0-9a-f]+/
    #expect(calls.allSatisfy { $0.wholeMatch(of: form) != nil }, "\(calls)")
    // Three calls from the same place.
    try #require(calls.count > 5)
    #expect(calls[3] == calls[4] && calls[4] == calls[5], "\(calls)")
  }

  @Test(
    "V13: each signal of a crash ends the process as ever, on a small stack, too",
    arguments: [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS])
  func everySignal(number: Int32) async throws {
    let result = try await #require(
      processExitsWith: .signal(number), observing: [\.standardErrorContent]
    ) { [number] in
      Crashing.enable()
      Crashing.inGreenlet(bytes: 16) { raise(number) }
    }
    let line = try #require(Overflowing.lines(result.standardErrorContent).first)
    #expect(line.hasPrefix("greenlets: signal \(number) (SIG"), "\(line)")
    #expect(line.contains(") in \"crasher\" (greenlet number 2)"), "\(line)")
  }

  @Test("V13: code without frame pointers hides its callers, and they are told with a doubt")
  func abort() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]
    ) {
      Crashing.enable()
      Crashing.inGreenlet { Foundation.abort() }
    }
    let lines = Overflowing.lines(result.standardErrorContent)
    #expect(lines.first?.contains("signal 6 (SIGABRT) in \"crasher\" (") == true)
    let calls = Crashing.calls(lines)
    // The recursion is told for sure, wherever the C library has got its frames.
    #expect(zip(calls, calls.dropFirst()).contains { $0 == $1 }, "\(lines)")
    #expect(calls.count <= 64)
  }

  @Test("V13: a trap of Swift's is reported behind its own words")
  func trap() async throws {
    let result = try await #require(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      Crashing.enable()
      Crashing.inGreenlet { preconditionFailure("on purpose") }
    }
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    let words = try #require(text.firstRange(of: "on purpose"))
    let report = try #require(text.firstRange(of: "greenlets: signal "))
    #expect(words.upperBound < report.lowerBound)
  }

  @Test("V13: a call through a wrong pointer is told from its caller on")
  func wrongPointer() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Crashing.enable()
      Crashing.inGreenlet { gb_call(16) }
    }
    let calls = Crashing.calls(Overflowing.lines(result.standardErrorContent))
    #expect(calls.first == "0x10" && calls.count > 6, "\(calls)")
    // The next one is within the function that called.
    let caller = try #require(calls.dropFirst().first?.split(separator: "+0x").last)
    let place = try #require(Int(caller, radix: 16))
    let start = gb_call_place()
    #expect((start..<start + 64).contains(place), "\(calls)")
  }

  @Test("V13: deep calls are told as the innermost 48 and the outermost 16")
  func deepCalls() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Crashing.enable()
      Crashing.inGreenlet(200, bytes: 256) { Touching.touch(8) }
    }
    let lines = Overflowing.lines(result.standardErrorContent)
    #expect(Crashing.calls(lines).count == 64 && lines.count == 66, "\(lines)")
    let gap = try #require(lines.dropFirst(49).first)
    #expect(gap.wholeMatch(of: /greenlets: at \.\.\. 1[0-9]{2} more/) != nil, "\(gap)")
  }

  @Test("V13: an overflow is reported as one, with its 16 innermost and 8 outermost calls")
  func overflows() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Crashing.enable()
      Overflowing.overflowGreenlet("digger")
    }
    let lines = Overflowing.lines(result.standardErrorContent)
    #expect(lines.first?.contains("stack overflow in \"digger\" (greenlet") == true)
    #expect(Crashing.calls(lines).count == 24 && lines.count == 26, "\(lines)")
    let depth = lines.first?.firstMatch(of: /\ (\d+) frames deep/).flatMap { Int($0.1) } ?? 0
    try #require(lines.count > 17)
    #expect(lines[17] == "greenlets: at ... \(depth - 24) more", "\(lines)")
  }

  @Test("V13: coroutines and the thread's own stack are told apart, by the thread's subject")
  func others() async throws {
    let coroutine = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Crashing.enable()
      OverflowReport.describeThread(as: "ring")
      // It crashes: there is nothing to throw.
      let one = try? Coroutine<Int, Int>(on: StackPool(stackSize: .kibibytes(32))) {
        Touching.touch(8)
        return $1
      }
      // As above.
      _ = try? one?.resume(1)
    }
    let first = try #require(Overflowing.lines(coroutine.standardErrorContent).first)
    #expect(first.contains("in \"ring\" (a coroutine), made at GreenletsTests/Crash"), "\(first)")
    let thread = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Crashing.enable()
      print(Crashing.crash(9) { Touching.touch(8) })
    }
    let lines = Overflowing.lines(thread.standardErrorContent)
    #expect(lines.first?.contains("in \"thread\" (the thread's own stack), the fault") == true)
    #expect(Crashing.calls(lines).count > 9, "\(lines)")
  }

  @Test("V13: what is so damaged that it cannot be read ends the process all the same")
  func damaged() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGILL), observing: [\.standardErrorContent]
    ) {
      Crashing.enable()
      Crashing.inGreenlet {
        // Nobody can go on from here.
        unsafe gb_hub_set(UnsafeMutableRawPointer(bitPattern: 0x1000))
        raise(SIGILL)
      }
    }
    let lines = Overflowing.lines(result.standardErrorContent)
    #expect(lines.first?.hasPrefix("greenlets: signal 4 (SIGILL) in \"") == true, "\(lines)")
  }

  @Test("V13: a handler that was there before is called next, also for signals that are sent")
  func theHandlerBefore() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(42), observing: [\.standardErrorContent]
    ) {
      signal(SIGABRT) { _ in _exit(42) }
      guard CrashReport.enable() else { return }
      Foundation.abort()
    }
    #expect(
      Overflowing.lines(result.standardErrorContent).first?
        .hasPrefix("greenlets: signal 6 (SIGABRT) in \"thread\"") == true)
    let ignored = try await #require(
      processExitsWith: .exitCode(42), observing: [\.standardErrorContent]
    ) {
      signal(SIGFPE, SIG_IGN)
      guard CrashReport.enable() else { return }
      raise(SIGFPE)
      _exit(42)
    }
    #expect(Overflowing.lines(ignored.standardErrorContent).isEmpty)
  }
}
