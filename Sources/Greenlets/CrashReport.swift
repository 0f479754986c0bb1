// Who crashed: lines on standard error before the process dies of a signal, with the calls that led there.

/// Says who ran when a signal ends the process.
///
/// The signals are those of a program that goes wrong: SIGSEGV, SIGBUS, SIGILL (a trap of Swift's, on
/// x86-64), SIGTRAP (the same, on AArch64), SIGFPE, SIGABRT and SIGSYS. The process dies of the signal,
/// with or without this report. With it, standard error says first what ran and where that was made,
/// and then its calls, innermost first:
///
///     greenlets: signal 11 (SIGSEGV) in "crawler" (greenlet number 7), made at Spider/Crawl.swift:31,
///     the fault is at 0x8; look its calls up with addr2line
///     greenlets: at spider+0x41f0
///     greenlets: at ? libc.so.6+0x8a1c
///     greenlets: at spider+0x2fe3
///     greenlets: at ... 102 more
///     greenlets: at spider+0x1d04
///
/// (The first two lines are a single one.) A place in the code is what `addr2line` and
/// `llvm-symbolizer` take; all but the first one are the last byte of a call. At most 64 are told of
/// deep calls, the innermost 48 and the outermost 16. A question mark stands before what only looks like
/// a call: code without frame pointers, as most C libraries are, hides its callers, and then all that
/// may be one is told, at most twelve.
///
/// What is no greenlet is called a coroutine, a context of another engine, or the thread's own stack.
/// A stack overflow is reported as ``OverflowReport`` does, with 24 of its calls behind that line.
///
/// Then the signal is handled as if there were no report, exactly as ``OverflowReport`` says: handlers
/// that were there before are called, even if they mend the fault. Nothing is said of a signal that
/// somebody sends and the program ignores.
public enum CrashReport {
  /// Turns the report on, and ``OverflowReport`` with it, for this thread and for those that make their
  /// first greenlet or coroutine later.
  ///
  /// To be called again when somebody else has set a handler since; at most seven times.
  ///
  /// - Returns: Whether all of these signals can be handled.
  @discardableResult public static func enable() -> Bool {
    OverflowReport.enable(withCrashes: true)
  }
}
