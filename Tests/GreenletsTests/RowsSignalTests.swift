// A switch in a signal handler, which would never let the handler return.

import Foundation
import Greenlets
import Testing

struct RowsSignalTests {
  // SAFETY: written before the signal, read in its handler, all on one thread.
  nonisolated(unsafe) static var target: Greenlet?

  @Test(
    "H12: a switch in a handler with a stack of its own ends a debug build with a sentence",
    .enabled(if: _isDebugAssertConfiguration(), "an optimised build does not look"))
  func aHandlerMayNotSwitch() async throws {
    let result = try await #require(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      // SAFETY: the memory is never freed.
      var stack = unsafe stack_t()
      unsafe stack.ss_size = 262_144
      unsafe stack.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: 262_144, alignment: 16)
      unsafe sigaltstack(&stack, nil)
      unsafe Self.target = Greenlet { () in 1 }
      var action = sigaction()
      action.sa_flags = SA_ONSTACK
      unsafe action.__sigaction_handler.sa_handler = { _ in
        // The switch is what ends the process; an error would not.
        _ = try? unsafe RowsSignalTests.target?.switch() as Int?
      }
      unsafe sigaction(SIGUSR2, &action, nil)
      // The threads that tests run on take no signals.
      var signals = sigset_t()
      unsafe sigemptyset(&signals)
      unsafe sigaddset(&signals, SIGUSR2)
      unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
      raise(SIGUSR2)
      // Reached only if nothing stopped it.
      exit(EXIT_SUCCESS)
    }
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.contains("a signal handler switched"))
  }
}
