// What is kept of a standard error: little, and nothing from before the question.

import Testing

@testable import Executor

struct ComplaintsTests {
  @Test("The last twenty lines are kept, and of those 8 KiB")
  func tail() {
    var complaints = Complaints()
    for number in 1...50 { complaints.take("line \(number)") }
    #expect(complaints.tail == (31...50).map { "line \($0)" })
    #expect(complaints.note == CrashNote(lastWords: "line 50"))
    for letter in ["a", "b", "c"] { complaints.take(String(repeating: letter, count: 4000)) }
    #expect(complaints.tail.map(\.first) == ["b", "c"])
    complaints.take(String(repeating: "d", count: 9000))
    #expect(complaints.tail.map(\.utf8.count) == [8192])
  }

  @Test("What was said before a question is none of its last words")
  func earlierWords() {
    var complaints = Complaints()
    complaints.take("early")
    complaints.forget()
    #expect(complaints.note == CrashNote())
    complaints.take("late")
    #expect(complaints.note == CrashNote(lastWords: "late"))
  }

  @Test("A fatal error is the last words, however long a trace follows; until the next question")
  func fatalErrors() {
    var complaints = Complaints()
    complaints.take("a.swift:1: Fatal error: no")
    for number in 1...50 { complaints.take("\(number)   a   0x0 <unavailable> + 1") }
    #expect(complaints.note == CrashNote(lastWords: "a.swift:1: Fatal error: no"))
    complaints.forget()
    complaints.take("late")
    #expect(complaints.note == CrashNote(lastWords: "late"))
  }

  @Test("Calls behind an overflow are the overflow's, and what follows them nobody's")
  func callsOfAnOverflow() {
    var complaints = Complaints()
    complaints.take(
      "greenlets: stack overflow in \"a\" (greenlet number 2), 9 frames deep, in w+0x1; its stack "
        + "is 0x10-0x20 (16 bytes), the fault is at 0x8; give it a larger one")
    complaints.take("greenlets: at w+0x1")
    complaints.take("greenlets: at ... 8 more")
    complaints.take("words")
    #expect(complaints.overflow?.calls == ["w+0x1", "... 8 more"])
    #expect(complaints.overflow?.details.hasSuffix("in w+0x1, on 16 bytes") == true)
  }
}
