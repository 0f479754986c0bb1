// Hazard V13: the end of a stack.

import CSanitizers
import Foundation
import Greenlets
import Stacks
import Testing

struct HazardOverflowTests {
  /// Not a sum: the optimiser makes a loop of that.
  @inline(never) static func dig(_ depth: Int) -> Int {
    depth < 0 ? 0 : (dig(depth + 1) ^ depth) &* 31
  }

  @Test("V13: a greenlet that overflows its stack ends the process")
  func overflow() async {
    await #expect(
      processExitsWith: gb_sanitizer_kind == gb_sanitizer_none ? .signal(SIGSEGV) : .failure
    ) {
      let pool = StackPool(stackSize: .kibibytes(16))
      let digger = Greenlet(stacks: .pool(pool)) { Self.dig(1) }
      _ = try digger.switch() as Int
    }
  }

  @Test(
    "V13: what faults is the guard right below the stack, not something beyond its neighbours",
    .enabled(if: gb_sanitizer_kind == gb_sanitizer_none, "a sanitizer handles faults itself"))
  func faultsInTheGuard() async {
    await #expect(processExitsWith: .exitCode(42)) {
      Fault.watch()
      let pool = StackPool(stackSize: .kibibytes(64))
      let main = Greenlet.main
      let digger = Greenlet(stacks: .pool(pool)) { () -> Int in
        var local = 0
        unsafe withUnsafeMutablePointer(to: &local) { unsafe Fault.top = UInt(bitPattern: $0) }
        try main.switch()
        return Self.dig(1)
      }
      try digger.switch()
      // Their stacks come to lie below the digger's, and are as good to write to as its own.
      let others = (0..<16).map { _ in Greenlet(stacks: .pool(pool)) { try main.switch() } }
      for one in others { try one.switch() }
      _ = try digger.switch() as Int
    }
  }
}

/// Where the process touched what it may not.
enum Fault {
  // SAFETY: written before the fault, read in it.
  nonisolated(unsafe) static var top: UInt = 0

  /// Ends the process at a fault: with 42 in the 64 KiB and the guard below `top`, else with 43.
  static func watch() {
    // SAFETY: the memory is never freed, and the handler does nothing but compare and end.
    var alternate = unsafe stack_t()
    unsafe alternate.ss_size = 65_536
    unsafe alternate.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: 65_536, alignment: 16)
    unsafe sigaltstack(&alternate, nil)
    var action = sigaction()
    action.sa_flags = SA_SIGINFO | SA_ONSTACK
    unsafe action.__sigaction_handler.sa_sigaction = { _, info, _ in
      let address = UInt(bitPattern: unsafe info?.pointee._sifields._sigfault.si_addr)
      let below = unsafe Fault.top &- address
      _exit(below <= 65_536 + 65_536 ? 42 : 43)
    }
    unsafe sigaction(SIGSEGV, &action, nil)
  }
}
