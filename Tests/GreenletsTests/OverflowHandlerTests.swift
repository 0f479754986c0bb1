// The report between other handlers: those before it, those after it, and stacks for all of them.

import CFaults
import Foundation
import Greenlets
import Stacks
import Testing

@Suite(Overflowing.isOurs) struct OverflowHandlerTests {
  @Test("V13: a handler that was there before gets what the kernel said, and its own mask")
  func theHandlerBefore() async {
    await #expect(processExitsWith: .exitCode(42)) {
      // Threads of the dispatch library block signals.
      Handler.unblockAll()
      unsafe Handler.install(flags: SA_SIGINFO, blocking: SIGUSR1) { number, info, _ in
        let address = unsafe UInt(bitPattern: info?.pointee._sifields._sigfault.si_addr)
        let isTold = unsafe address == 8 && info?.pointee.si_code == Int32(SEGV_MAPERR)
        let isMasked = Handler.isBlocked(SIGUSR1) && Handler.isBlocked(SIGSEGV)
        _exit(number == SIGSEGV && isTold && isMasked && !Handler.isBlocked(SIGUSR2) ? 42 : 1)
      }
      guard OverflowReport.enable() else { return }
      Touching.touch(8)
    }
  }

  @Test("V13: a handler without the kernel's words is called without, and undeferred if it wants")
  func thePlainHandlerBefore() async {
    await #expect(processExitsWith: .exitCode(42)) {
      var action = sigaction()
      action.sa_flags = SA_NODEFER
      unsafe action.__sigaction_handler.sa_handler = { _ in
        _exit(Handler.isBlocked(SIGSEGV) ? 1 : 42)
      }
      unsafe sigaction(SIGSEGV, &action, nil)
      guard OverflowReport.enable() else { return }
      Touching.touch(8)
    }
  }

  @Test("V13: an overflow is reported, and then the handler before is called")
  func reportsFirst() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(42), observing: [\.standardErrorContent]
    ) {
      unsafe Handler.install(flags: SA_SIGINFO) { _, _, _ in _exit(42) }
      guard OverflowReport.enable() else { return }
      Overflowing.overflowGreenlet("digger")
    }
    #expect(Overflowing.lines(result.standardErrorContent).count == 1)
  }

  @Test("V13: a handler that mends the fault goes on, as often as it likes")
  func mendedFaults() async {
    await #expect(processExitsWith: .exitCode(42)) {
      unsafe Handler.install(flags: SA_SIGINFO) { _, info, _ in
        let address = unsafe info?.pointee._sifields._sigfault.si_addr
        // SAFETY: the page that faulted, which is the test's own.
        unsafe mprotect(address, 4096, PROT_READ | PROT_WRITE)
      }
      guard OverflowReport.enable() else { return }
      for _ in 0..<3 {
        // SAFETY: a fresh mapping.
        let page = unsafe mmap(nil, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        Touching.touch(UInt(bitPattern: page))
      }
      _exit(42)
    }
  }

  @Test("V13: a handler that wants one signal gets one; then the process dies of it")
  func resetHandlers() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      unsafe Handler.install(flags: SA_SIGINFO | Int32(bitPattern: 0x8000_0000)) { _, _, _ in
        Handler.say("once\n")
      }
      guard OverflowReport.enable() else { return }
      Touching.touch(8)
    }
    #expect(String(decoding: result.standardErrorContent, as: UTF8.self) == "once\n")
  }

  @Test("V13: where the signal was ignored, one that is sent still is; a fault never was")
  func ignoredSignals() async {
    await #expect(processExitsWith: .exitCode(42)) {
      signal(SIGSEGV, SIG_IGN)
      guard OverflowReport.enable() else { return }
      raise(SIGSEGV)
      raise(SIGSEGV)
      _exit(42)
    }
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      signal(SIGSEGV, SIG_IGN)
      guard OverflowReport.enable() else { return }
      Touching.touch(8)
    }
  }

  @Test("V13: a handler that jumps away is called again, and the report is made again")
  func jumpingHandlers() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(42), observing: [\.standardErrorContent]
    ) {
      let count = gb_jumping(
        SIGSEGV, 0, 3, { OverflowReport.enable() }, { Overflowing.overflowCoroutine() })
      _exit(count == 3 ? 42 : 1)
    }
    #expect(Overflowing.lines(result.standardErrorContent).count == 3)
  }

  @Test("V13: a handler that is set later takes the report's place")
  func theHandlerAfter() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(42), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      unsafe Handler.install(flags: SA_SIGINFO | SA_ONSTACK) { _, _, _ in _exit(42) }
      Overflowing.overflowGreenlet()
    }
    #expect(Overflowing.lines(result.standardErrorContent).isEmpty)
  }

  @Test("V13: a later handler may pass the signal on to the report")
  func passedOnToTheReport() async throws {
    let result = try await #require(
      processExitsWith: .signal(SIGSEGV), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      Handler.installPassingOn()
      Overflowing.overflowGreenlet()
    }
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.hasPrefix("passing on\ngreenlets: stack overflow in "))
  }

  @Test(
    "V13: enabled again, the report comes before the later handler, and no signal runs in circles")
  func enabledAgain() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(42), observing: [\.standardErrorContent]
    ) {
      unsafe Handler.install(flags: SA_SIGINFO) { _, _, _ in _exit(42) }
      guard OverflowReport.enable() else { return }
      Handler.installPassingOn()
      guard OverflowReport.enable(), OverflowReport.enable() else { return }
      Overflowing.overflowGreenlet()
    }
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.hasPrefix("greenlets: stack overflow in "))
    #expect(text.hasSuffix("larger one\npassing on\n"), "\(text)")
    #expect(Overflowing.lines(result.standardErrorContent).count == 1)
  }

  @Test("V13: a handler can be set so often that there is no room for more, and is told so")
  func levelsEnd() async {
    await #expect(processExitsWith: .exitCode(42)) {
      var enabled = 0
      for _ in 0..<12 {
        unsafe Handler.install(flags: SA_SIGINFO | SA_ONSTACK) { _, _, _ in _exit(42) }
        if OverflowReport.enable() { enabled += 1 }
      }
      guard enabled == 8 else { _exit(1) }
      Overflowing.overflowGreenlet()
    }
  }

  @Test(
    "V13: a thread's own stack for signals stays; one that the report made goes with the thread")
  func signalStacks() async {
    await #expect(processExitsWith: .exitCode(42)) {
      Overflowing.enable()
      let own = UnsafeMutableRawPointer.allocate(byteCount: 65_536, alignment: 16)
      let ownAddress = UInt(bitPattern: own)
      JoinedThread.run {
        // SAFETY: the memory is never freed.
        var stack = unsafe stack_t(ss_sp: own, ss_flags: 0, ss_size: 65_536)
        unsafe sigaltstack(&stack, nil)
        _ = Greenlet.current
        if Handler.signalStack != ownAddress { _exit(1) }
      }
      let made = Place<UInt>()
      JoinedThread.run {
        if Handler.signalStack != nil { _exit(2) }
        _ = Greenlet.current
        made.value = Handler.signalStack
      }
      guard let address = made.value else { _exit(3) }
      var residency: UInt8 = 0
      // SAFETY: asks about an address, and reads nothing there.
      let found = unsafe mincore(UnsafeMutableRawPointer(bitPattern: address), 4096, &residency)
      _exit(found == -1 && errno == ENOMEM ? 42 : 4)
    }
  }

  @Test("V13: a forked child reports its own overflow")
  func afterAFork() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(42), observing: [\.standardErrorContent]
    ) {
      Overflowing.enable()
      _ = Greenlet.current
      let child = Forking.fork()
      if child == 0 { Overflowing.overflowGreenlet("child") }
      _exit(Forking.status(of: child) == 256 + SIGSEGV ? 42 : 1)
    }
    #expect(
      Overflowing.lines(result.standardErrorContent).first?.contains("in \"child\" (") == true)
  }
}

/// Handlers of SIGSEGV.
enum Handler {
  static func install(
    flags: Int32, blocking: Int32? = nil,
    _ handle:
      @escaping @convention(c) (
        Int32, UnsafeMutablePointer<siginfo_t>?, UnsafeMutableRawPointer?
      ) -> Void
  ) {
    var action = sigaction()
    action.sa_flags = flags
    unsafe action.__sigaction_handler.sa_sigaction = handle
    unsafe sigemptyset(&action.sa_mask)
    if let blocking { unsafe sigaddset(&action.sa_mask, blocking) }
    unsafe sigaction(SIGSEGV, &action, nil)
  }

  // SAFETY: written before the fault, read in it.
  nonisolated(unsafe) private static var before = sigaction()

  /// A handler that says so and calls the one before.
  static func installPassingOn() {
    unsafe sigaction(SIGSEGV, nil, &before)
    unsafe install(flags: SA_SIGINFO | SA_ONSTACK) { number, info, context in
      Handler.say("passing on\n")
      unsafe Handler.before.__sigaction_handler.sa_sigaction?(number, info, context)
    }
  }

  static func say(_ text: StaticString) {
    _ = unsafe write(2, text.utf8Start, text.utf8CodeUnitCount)
  }

  static func unblockAll() {
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
  }

  static func isBlocked(_ number: Int32) -> Bool {
    var now = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, nil, &now)
    return unsafe sigismember(&now, number) == 1
  }

  /// Where the thread's stack for signals is; nil where there is none.
  static var signalStack: UInt? {
    var stack = unsafe stack_t()
    unsafe sigaltstack(nil, &stack)
    return unsafe stack.ss_flags & Int32(SS_DISABLE) == 0
      ? UInt(bitPattern: stack.ss_sp) : nil
  }
}
