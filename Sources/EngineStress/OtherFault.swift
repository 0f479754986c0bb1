// Trials of other faults: they end the process as ever, and nobody calls them an overflow.

import CFaults
import Foundation
import Greenlets
import Stacks
import StressKit

/// A fault that is no overflow.
struct OtherFault: Fault {
  enum What: String, CaseIterable {
    case null = "a read through a null pointer"
    case ownGuard = "a write to the own guard, far from the stack pointer"
    case otherGuard = "a write to the guard of a stack that does not run"
    case fromMain = "a write to a guard, from the thread's own stack"
    case sent = "a signal that was sent"
    case bus = "a page that its file does not have"
    case trap = "a trap of Swift's"
  }

  let what: What
  let isHandled: Bool

  init(_ generator: inout TrialGenerator) {
    what = What.allCases.randomElement(using: &generator) ?? .null
    isHandled = Bool.random(using: &generator)
  }

  var description: String { what.rawValue + (isHandled ? ", handled" : "") }

  /// What may end the process.
  private var signals: [Int32] {
    switch what {
    case .bus: [SIGBUS]
    case .trap:
      // There a trap is `brk`, which the kernel may tell as either.
      #if arch(arm64)
        [SIGILL, SIGTRAP]
      #else
        [SIGILL]
      #endif
    default: [SIGSEGV]
    }
  }

  func objection(to outcome: ChildOutcome) -> String? {
    if outcome.said.contains("greenlets: ") { return "called an overflow" }
    // A handler that was there before the report gets what the report does not want.
    if isHandled, signals == [SIGSEGV] { return outcome.end == 42 ? nil : "not handled" }
    return signals.contains(outcome.end - 256) ? nil : "another end"
  }

  func fault() {
    if isHandled {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { _ in _exit(42) }
      unsafe sigaction(SIGSEGV, &action, nil)
    }
    guard OverflowReport.enable() else { return }
    do {
      let pool = StackPool(stackSize: .kibibytes(16))
      let main = Greenlet.main
      let other = Greenlet(stacks: .pool(pool)) { () -> UInt in
        let here = Self.here()
        return try main.switch(here)
      }
      let otherStack: UInt = try other.switch()
      if what == .fromMain { Self.touch(Self.inGuard(below: otherStack)) }
      let one = Greenlet(stacks: .pool(pool)) {
        switch what {
        case .null, .fromMain: Self.touch(8)
        case .ownGuard: Self.touch(Self.inGuard(below: Self.here()))
        case .otherGuard: Self.touch(Self.inGuard(below: otherStack))
        case .sent: raise(SIGSEGV)
        case .bus: gb_bus_fault()
        case .trap: preconditionFailure("on purpose")
        }
      }
      try one.switch()
    } catch {
      _exit(3)
    }
  }

  /// An address of the running stack, near its top.
  @inline(never) private static func here() -> UInt {
    var local = 0
    return unsafe withUnsafeMutablePointer(to: &local) { UInt(bitPattern: $0) }
  }

  /// An address in the middle of the guard below 16 KiB of stack.
  private static func inGuard(below address: UInt) -> UInt { address - 16_384 - 32_768 }

  @inline(never) private static func touch(_ address: UInt) {
    // SAFETY: none: that is what it is for.
    unsafe UnsafeMutablePointer<UInt8>(bitPattern: address)?.pointee = 1
  }
}
