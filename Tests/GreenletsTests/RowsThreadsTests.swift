// Rows H: greenlets and threads, the end of a thread, memory, forks, signals.

import CSanitizers
import Foundation
import Greenlets
import Synchronization
import Testing

struct RowsThreadsTests {
  final class Token {}

  @Test("H1: a switch or throw from another thread is refused, names both, and changes nothing")
  func wrongThread() throws {
    let main = Greenlet.main
    let diary = Diary()
    let one = Greenlet("one") { () -> Int in
      defer { diary.add("ended") }
      return try main.switch()
    }
    try one.switch()
    let refusal = GreenletError.wrongThread(greenlet: "one", current: "main")
    JoinedThread.run {
      weak var message: Token?
      do {
        let token = Token()
        message = token
        #expect(throws: refusal) { try one.switch(token) }
      }
      #expect(message == nil, "a message that was refused is released")
      #expect(throws: refusal) { try one.throw() }
      #expect(throws: refusal) { try one.kill() }
      let inner = Greenlet("inner") { #expect(throws: GreenletError.self) { try one.switch() } }
      expectNoError { try inner.switch() }
      #expect(one.backtrace().isEmpty)
    }
    #expect(diary.lines.isEmpty && one.state == .suspended)
    #expect(refusal.description.hasPrefix("one belongs to another thread than main;"))
    #expect(try one.switch(7) as Int == 7)
  }

  @Test("H1: an unstarted greenlet and the other thread's main are refused, too")
  func wrongThreadUnstarted() throws {
    let main = Greenlet.main
    let unstarted = Greenlet("unstarted") { 1 }
    JoinedThread.run {
      #expect(throws: GreenletError.wrongThread(greenlet: "unstarted", current: "main")) {
        try unstarted.switch()
      }
      #expect(throws: GreenletError.wrongThread(greenlet: "main", current: "main")) {
        try main.switch()
      }
    }
    #expect(try unstarted.switch() as Int == 1)
  }

  @Test("H2: once its thread has ended, a greenlet is dead, walks no stack, and is refused")
  func afterTheThread() throws {
    let held = Place<Greenlet>()
    JoinedThread.run {
      let main = Greenlet.main
      let one = Greenlet("one") { try main.switch() }
      expectNoError { try one.switch() }
      held.value = one
    }
    let one = try #require(held.value)
    #expect(one.isDead && !one.isActive)
    #expect(one.backtrace().isEmpty)
    let refusal = GreenletError.threadEnded(greenlet: "one", current: "main")
    #expect(throws: refusal) { try one.switch() }
    #expect(throws: refusal) { try one.throw() }
    #expect(refusal.description.hasPrefix("the thread of one has ended"))
    try one.kill()
  }

  @Test("H3, P7: an unstarted greenlet of an ended thread runs here, given a parent here")
  func movedUnstarted() throws {
    let held = Place<Greenlet>()
    JoinedThread.run { held.value = Greenlet("late") { (number: Int) in number + 1 } }
    let one = try #require(held.value)
    #expect(one.state == .orphaned)
    #expect(throws: GreenletError.threadEnded(greenlet: "late", current: "main")) {
      try one.switch(1)
    }
    try one.reparent(to: Greenlet.main)
    #expect(one.state == .unstarted)
    #expect(try one.switch(1) as Int == 2)
  }

  @Test("H4, H5: what is suspended when its thread ends is ended in that thread, held or not")
  func endedWithTheThread() throws {
    let diary = Diary()
    let held = Place<Greenlet>()
    weak var token: Token?
    let thread = JoinedThread()
    thread.run {
      let main = Greenlet.main
      for name in ["held", "unheld"] {
        let one = Greenlet(name) {
          let inside = Token()
          token = inside
          let home = pthread_self()
          defer {
            diary.add("\(name) ended " + (pthread_self() == home ? "at home" : "elsewhere"))
            withExtendedLifetime(inside) {}
          }
          try main.switch()
        }
        expectNoError { try one.switch() }
        if name == "held" { held.value = one }
      }
    }
    #expect(diary.lines == ["unheld ended at home"], "its last handle went in the thread")
    thread.end()
    #expect(diary.lines == ["unheld ended at home", "held ended at home"])
    #expect(token == nil, "no frame was thrown away with what it holds")
    #expect(held.value?.state == .dead)
  }

  @Test("H5: one that refuses to end with its thread keeps its stack, for good")
  func refusesToEndWithTheThread() async {
    await #expect(processExitsWith: .success) {
      EngineCounters.onUnraisable = { _ in }
      let held = Place<Greenlet>()
      weak var token: Token?
      JoinedThread.run {
        let main = Greenlet.main
        let one = Greenlet("stubborn") {
          let inside = Token()
          token = inside
          while true { do { try main.switch() } catch { withExtendedLifetime(inside) {} } }
        }
        expectNoError { try one.switch() }
        held.value = one
      }
      #expect(EngineCounters.quarantined == 1)
      #expect(held.value?.state == .orphaned)
      #expect(token != nil, "its frames are as they were")
      held.value = nil
    }
  }

  @Test("H4: what runs while its thread ends may use the whole engine")
  func engineWhileTheThreadEnds() throws {
    let diary = Diary()
    let held = Place<Greenlet>()
    JoinedThread.run {
      let main = Greenlet.main
      let one = Greenlet("one") {
        defer {
          let sum = try? Greenlet { (number: Int) in number + 1 }.switch(1) as Int
          diary.add("\(sum ?? 0) \(Greenlet.main === main)")
        }
        try main.switch()
      }
      expectNoError { try one.switch() }
      held.value = one
    }
    #expect(diary.lines == ["2 true"])
  }

  @Test("H6, H8, H9: threads that end leave no main, no greenlet and no stack behind")
  func nothingIsLeft() async {
    await #expect(processExitsWith: .success) {
      _ = Greenlet.main
      let before = GreenletCensus.now
      let mains = EngineCounters.mainGreenlets
      weak var main: Greenlet?
      weak var child: Greenlet?
      for _ in 0..<8 {
        JoinedThread.run {
          main = Greenlet.main
          // No call follows in the dying thread.
          let finished = Greenlet { 1 }
          expectNoError { try finished.switch() }
          let suspended = Greenlet { try Greenlet.main.switch() }
          expectNoError { try suspended.switch() }
          child = suspended
        }
        #expect(main == nil && child == nil)
      }
      let after = GreenletCensus.now
      #expect(EngineCounters.mainGreenlets == mains)
      #expect(after.unstarted == before.unstarted && after.suspended == before.suspended)
      #expect(after.created == before.created + 8 * 3)
      #expect(after.finished == before.finished + 8 * 3, "a main greenlet ends with its thread")
    }
  }

  @Test("H6: an unstarted one that goes on a thread without greenlets is counted, too")
  func unstartedGoneElsewhere() async {
    await #expect(processExitsWith: .success) {
      let held = Place<Greenlet>()
      JoinedThread.run { held.value = Greenlet { 0 } }
      #expect(GreenletCensus.now.unstarted == 1)
      // A thread that never asks for its greenlets has no counts of its own.
      Thread.detachNewThread {
        held.value = nil
        exit(GreenletCensus.now.unstarted == 0 ? EXIT_SUCCESS : EXIT_FAILURE)
      }
      while true { pause() }
    }
  }

  @Test(
    "H10: memory does not grow, with finished greenlets, nor with threads that leave some",
    .enabled(if: gb_sanitizer_kind == gb_sanitizer_none, "a sanitizer keeps what was freed"))
  func memoryPlateau() async {
    await #expect(processExitsWith: .success) {
      @Sendable func residentKibibytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return try #require(Int(text.split(separator: " ")[1])) * sysconf(Int32(_SC_PAGESIZE))
          / 1024
      }
      func round() {
        for _ in 0..<10_000 {
          let one = Greenlet { (number: Int) in number + 1 }
          expectNoError { _ = try one.switch(1) as Int }
        }
        JoinedThread.run {
          let main = Greenlet.main
          let held = (0..<100).map { _ in Greenlet { try main.switch() } }
          for one in held { expectNoError { try one.switch() } }
        }
      }
      for _ in 0..<3 { round() }
      let steady = try residentKibibytes()
      for _ in 0..<10 { round() }
      // A leak of one core a greenlet would be 25 MiB.
      #expect(try residentKibibytes() - steady < 3 * 1024)
    }
  }

  @Test(
    "H11: a fork's child keeps the forking thread's greenlets; the others are orphaned",
    .enabled(
      if: gb_sanitizer_kind != gb_sanitizer_thread,
      "ThreadSanitizer does not survive the fork of a process with several threads"))
  func fork() async {
    await #expect(processExitsWith: .success) {
      let main = Greenlet.main
      let far = JoinedThread()
      let (farOne, farMain) = (Place<Greenlet>(), Place<Greenlet>())
      far.run {
        let main = Greenlet.main
        farMain.value = main
        farOne.value = Greenlet { try main.switch() }
        expectNoError { try farOne.value?.switch() }
      }
      let near = Greenlet { (first: Int) -> Int in
        let second: Int = try main.switch(first + 1)
        return second + 1
      }
      let first: Int = try near.switch(1)
      #expect(first == 2)
      let child = Forking.fork()
      if child == 0 {
        // Each wrong thing has its own number; the parent shows it.
        var wrong: Int32 = 0
        if EngineCounters.mainGreenlets != 1 { wrong |= 1 }
        if farOne.value?.state != .orphaned || farMain.value?.state != .orphaned { wrong |= 2 }
        if (try? near.switch(5) as Int) != 6 { wrong |= 4 }
        if (try? Greenlet { (number: Int) in number + 1 }.switch(1) as Int) != 2 { wrong |= 8 }
        do {
          try farOne.value?.switch()
          wrong |= 16
        } catch GreenletError.threadEnded {} catch { wrong |= 16 }
        farOne.value = nil
        var isFine = false
        JoinedThread.run { isFine = (try? Greenlet { 3 }.switch() as Int) == 3 }
        if !isFine { wrong |= 32 }
        _exit(wrong)
      }
      #expect(Forking.status(of: child) == 0)
      #expect(farOne.value?.state == .suspended, "the parent's are as they were")
      #expect(try near.switch(7) as Int == 8)
      far.run { farOne.value = nil }
      far.end()
    }
  }

  @Test("H12: a signal's handler only leaves a note; greenlets answer it at their next switch")
  func signals() async {
    await #expect(processExitsWith: .success) {
      let main = Greenlet.main
      let one = Greenlet("waiting") { try main.switch() }
      try one.switch()
      #expect(GreenletDump.onSignal(SIGUSR1))
      // Threads of the dispatch library block signals; unblocked, this one handles it in `raise`.
      var signals = sigset_t()
      unsafe sigemptyset(&signals)
      unsafe sigaddset(&signals, SIGUSR1)
      unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
      let before = EngineCounters.unraisable
      raise(SIGUSR1)
      #expect(GreenletDump.answers == 0, "the handler has not switched, nor written")
      while GreenletDump.answers == 0 { Greenlet.drain() }
      #expect(GreenletDump.answers == 1)
      #expect(one.state == .suspended && EngineCounters.unraisable == before)
    }
  }
}

/// A fork, which Swift does not offer.
enum Forking {
  static func fork() -> pid_t {
    // SAFETY: the C library's own function, looked up by its name.
    guard let found = unsafe dlsym(nil, "fork") else { preconditionFailure("no fork") }
    typealias Fork = @convention(c) () -> pid_t
    return unsafe unsafeBitCast(found, to: Fork.self)()
  }

  /// How a child ended: its exit code, or 256 and the signal.
  static func status(of child: pid_t) -> Int32 {
    var status: Int32 = 0
    guard unsafe waitpid(child, &status, 0) == child else { return -1 }
    return status & 0x7f == 0 ? (status >> 8) & 0xff : 256 + status & 0x7f
  }
}
