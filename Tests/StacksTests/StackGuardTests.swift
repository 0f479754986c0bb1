// Guards: each kind stops an overflow, their limit is foreseen, failures leave the pool intact.

import CSanitizers
import Foundation
import Stacks
import Testing

#if canImport(JemallocStacks)
  import JemallocStacks
#endif

struct StackGuardTests {
  /// A pool with guards of a kind.
  static func pool(
    _ kind: StackGuard, source: any StackSource = MappedStackSource(), size: Int = 16
  ) -> StackPool {
    var options = StackPoolOptions()
    options.stackGuard = kind
    return StackPool(source: source, stackSize: .kibibytes(size), options: options)
  }

  /// How a process ends that touches a guard: a sanitizer makes an exit of it.
  static let fault: ExitTest.Condition =
    gb_sanitizer_kind == gb_sanitizer_none ? .signal(SIGSEGV) : .failure

  /// Kinds that this kernel has.
  static var kinds: [StackGuard] {
    StackGuard.best == .marks ? [.marks, .protection] : [.protection]
  }

  @Test func touchingTheGuardIsAFault() async {
    await #expect(processExitsWith: StackGuardTests.fault) {
      let stack = try StackGuardTests.pool(StackGuard.best).lend()
      unsafe (stack.lowest - 1).storeBytes(of: 1, as: UInt8.self)
    }
    await #expect(processExitsWith: StackGuardTests.fault) {
      let stack = try StackGuardTests.pool(.protection).lend()
      unsafe stack.base.storeBytes(of: 1, as: UInt8.self)
    }
  }

  @Test func aTrimmedStackIsStillGuarded() async {
    await #expect(processExitsWith: StackGuardTests.fault) {
      let pool = StackGuardTests.pool(StackGuard.best)
      let held = Lent(try pool.lend())
      pool.takeBack(try pool.lend())
      try pool.trim()
      let stack = try pool.lend()
      unsafe (stack.lowest - 1).storeBytes(of: 1, as: UInt8.self)
      withExtendedLifetime(held) {}
    }
  }

  @Test func aCanaryIsFoundWhenTheStackComesBack() async throws {
    let pool = Self.pool(.canary, size: 4)
    let stack = try pool.lend()
    unsafe (stack.lowest + 64).initializeMemory(as: UInt8.self, repeating: 7, count: 1024)
    pool.takeBack(stack)
    await #expect(processExitsWith: .failure) {
      let pool = StackGuardTests.pool(.canary, size: 4)
      let stack = try pool.lend()
      unsafe (stack.lowest + 63).storeBytes(of: 1, as: UInt8.self)
      pool.takeBack(stack)
    }
  }

  @Test func aCanarySurvivesTrimmingAndFreezing() throws {
    let pool = Self.pool(.canary, size: 16)
    let held = Lent(try pool.lend())
    for _ in 0..<3 {
      pool.takeBack(try pool.lend())
      try pool.trim()
      try Self.freezeOne(try pool.lend(), pool)
    }
    #expect(pool.lentCount == 1)
    withExtendedLifetime(held) {}
  }

  @Test func hugePagesAreForSmallStacksWithCanaries() throws {
    var options = StackPoolOptions()
    (options.stackGuard, options.hugePages) = (.canary, true)
    let pool = StackPool(stackSize: .kibibytes(4), options: options)
    let stack = try pool.lend()
    unsafe #expect(Int(bitPattern: stack.base).isMultiple(of: 2 << 20))
    pool.takeBack(stack)
  }

  @Test func theLimitOfMappingsIsForeseen() async {
    await #expect(processExitsWith: .success) {
      let pool = StackGuardTests.pool(.protection)
      var lent: [Lent] = []
      do {
        while lent.count < 1 << 20 { lent.append(Lent(try pool.lend())) }
        exit(2)
      } catch StackError.mappingsExhausted {
        // There is room left to report in, and to go on.
        guard try StackSlabTests.mappings() < 65_530 - 1024 else { exit(3) }
        let others = Thread { pthread_exit(nil) }
        others.start()
        lent.removeLast()
        lent.append(Lent(try pool.lend()))
        lent = []
        try pool.trim()
        lent.append(Lent(try pool.lend()))
      }
    }
  }

  @Test func aCapOfAddressSpaceIsATypedError() async {
    await #expect(processExitsWith: .success) {
      let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
      let used = (Int(text.split(separator: " ")[0]) ?? 0) * StackGuard.pageSize.bytes
      var cap = rlimit(rlim_cur: rlim_t(used + 64 << 20), rlim_max: rlim_t(used + 64 << 20))
      guard unsafe setrlimit(__rlimit_resource_t(9), &cap) == 0 else { exit(2) }
      let pool = StackPool(stackSize: .kibibytes(64))
      var lent: [Lent] = []
      do {
        while lent.count < 1 << 20 { lent.append(Lent(try pool.lend())) }
        exit(3)
      } catch StackError.allocationFailed(source: "mapped", _, errno: ENOMEM) {
        let count = lent.count
        guard count > 64 else { exit(4) }
        lent = []
        for _ in 0..<count { lent.append(Lent(try pool.lend())) }
      }
    }
  }

  static func sources() throws -> [any StackSource] {
    #if canImport(JemallocStacks)
      [MappedStackSource(), try JemallocStackSource()]
    #else
      [MappedStackSource()]
    #endif
  }

  @Test(arguments: StackGuardTests.kinds) func everyFailingCallLeavesThePoolIntact(
    kind: StackGuard
  ) throws {
    for source in try Self.sources() {
      var call = 1
      var hasFailed = true
      while hasFailed {
        let pool = Self.pool(kind, source: source)
        pool.failingCall = call
        hasFailed = try Self.hasFailure(pool)
        call += 1
        // Whatever failed: all that came back is used again, and all can be given up.
        #expect(pool.lentCount == 0)
        pool.failingCall = 0
        #expect(try !Self.hasFailure(pool))
        try pool.trim()
        #expect(pool.counters.slabs == 0 && pool.counters.owned == 0)
      }
      #expect(call > 100)
    }
  }

  /// Uses a pool in all ways.
  ///
  /// - Returns: Whether a call failed; with a typed error, then.
  static func hasFailure(_ pool: StackPool) throws -> Bool {
    var failures = 0
    var lent: [Lent] = []
    for _ in 0..<100 {
      do {
        let stack = try pool.lend()
        unsafe stack.lowest.storeBytes(of: 7, as: UInt8.self)
        lent.append(Lent(stack))
      } catch {
        #expect("\(error)".contains("; "))
        failures += 1
      }
    }
    do { try freezeOne(try pool.lend(), pool) } catch { failures += 1 }
    lent.removeSubrange(10..<90)
    do { try pool.trim(keeping: 3) } catch { failures += 1 }
    lent = []
    do { try pool.trim() } catch { failures += 1 }
    return failures > 0
  }

  /// Freezes and thaws a stack.
  static func freezeOne(_ stack: consuming Stack, _ pool: StackPool) throws {
    let (top, head) = unsafe (stack.top, stack.head)
    let held = Lent(stack)
    unsafe (top - 64).storeBytes(of: 42, as: Int.self)
    defer { unsafe #expect((top - 64).load(as: Int.self) == 42) }
    let thawed = try unsafe FrozenStack.freeze(head, from: top - 64).thaw()
    unsafe #expect(thawed == head)
    withExtendedLifetime(held) {}
  }
}
