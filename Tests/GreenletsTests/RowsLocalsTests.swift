// Rows X: values that each greenlet has for itself.

import Greenlets
import Testing

struct RowsLocalsTests {
  final class Token {}

  @Test("X1: a greenlet begins empty, with a copy, or with its creator's own, as it was made")
  func inheritance() throws {
    let label = GreenletLocal("none")
    label.value = "creator"
    func read() -> (String, String) {
      defer { label.value = "changed" }
      return (label.value, Greenlet.current.name)
    }
    let empty = Greenlet("empty") { read().0 }
    let copy = Greenlet("copy", locals: .copy) { read().0 }
    let share = Greenlet("share", locals: .share) { read().0 }
    label.value = "later"
    #expect(try empty.switch() as String == "none")
    #expect(try copy.switch() as String == "creator", "as it was at the creation")
    #expect(label.value == "later", "neither changed the creator's")
    #expect(try share.switch() as String == "later")
    #expect(label.value == "changed")
    try Greenlet.main.setLocals(GreenletLocals())
  }

  @Test("X1: the values of a greenlet are its own parent's neither")
  func notOfTheParent() throws {
    let label = GreenletLocal("none")
    let main = Greenlet.main
    let parent = Greenlet { () -> String in
      label.value = "parent"
      let child = Greenlet { label.value }
      return try child.switch()
    }
    #expect(try parent.switch() as String == "none")
    #expect(Greenlet.current === main && label.value == "none")
  }

  @Test("X2: the values can be read and set before, between, after, and while it runs here")
  func readAndSet() throws {
    let label = GreenletLocal("none")
    let main = Greenlet.main
    let one = Greenlet { () -> [String] in
      let first = label.value
      try main.switch()
      let second = label.value
      try Greenlet.current.locals()[label] = "running"
      return [first, second, label.value]
    }
    try one.locals()[label] = "unstarted"
    try one.switch()
    #expect(try one.locals()[label] == "unstarted")
    try one.locals()[label] = "suspended"
    #expect(try one.switch() as [String] == ["unstarted", "suspended", "running"])
    #expect(try one.locals()[label] == "running")
    try one.setLocals(GreenletLocals())
    #expect(try one.locals().count == 0, "no values is what nothing is called here")
  }

  @Test("X2: of a greenlet of another thread too, unless it runs there at the moment")
  func otherThreads() throws {
    let label = GreenletLocal("none")
    let main = Greenlet.main
    let one = Greenlet("one") { try main.switch() }
    try one.switch()
    JoinedThread.run {
      expectNoError { try one.locals()[label] = "from afar" }
      #expect(throws: GreenletError.localsInUse(greenlet: "main")) { try main.locals() }
      #expect(throws: GreenletError.localsInUse(greenlet: "main")) {
        try main.setLocals(GreenletLocals())
      }
    }
    #expect(try one.locals()[label] == "from afar")
    try one.kill()
  }

  @Test("X3: other values take effect at once, and are shared with whoever has them")
  func setWhileRunning() throws {
    let label = GreenletLocal("none")
    let shared = GreenletLocals()
    shared[label] = "shared"
    let separate = shared.copy()
    let one = Greenlet { () -> [String] in
      let before = label.value
      try Greenlet.current.setLocals(shared)
      let between = label.value
      label.value = "changed"
      return [before, between]
    }
    #expect(try one.switch() as [String] == ["none", "shared"])
    #expect(shared[label] == "changed")
    #expect(separate[label] == "shared", "a copy is another thing")
  }

  @Test("X4, V2: values set around switches stay with their greenlet, in whatever order they end")
  func interleaved() throws {
    let label = GreenletLocal("none")
    let main = Greenlet.main
    let diary = Diary()
    func body(_ name: String) -> () throws -> Void {
      {
        try label.withValue(name) {
          try main.switch()
          diary.add("\(name) sees \(label.value)")
          try label.withValue(name + name) {
            try main.switch()
            diary.add("\(name) sees \(label.value)")
          }
          diary.add("\(name) sees \(label.value)")
        }
        diary.add("\(name) sees \(label.value) after")
      }
    }
    let (a, b) = (Greenlet("a", body("a")), Greenlet("b", body("b")))
    try label.withValue("main") {
      // First in, first out: a list of the thread would take the wrong ones off.
      for one in [a, b, a, b] { try one.switch() }
      #expect(label.value == "main")
      for one in [a, b] { try one.switch() }
      #expect(label.value == "main")
    }
    #expect(label.value == "none")
    #expect(
      diary.lines == [
        "a sees a", "b sees b", "a sees aa", "a sees a", "a sees none after", "b sees bb",
        "b sees b", "b sees none after",
      ])
  }

  @Test("X4: a value ends with its scope when an error leaves it, or the greenlet is ended in it")
  func endsWithItsScope() throws {
    struct Boom: Error {}
    let label = GreenletLocal("none")
    let main = Greenlet.main
    #expect(throws: Boom.self) { try label.withValue("main") { throw Boom() } }
    #expect(label.value == "none")
    var seen: String?
    do {
      let one = Greenlet {
        defer { seen = label.value }
        try label.withValue("one") { try main.switch() }
      }
      try one.switch()
    }
    #expect(seen == "none")
  }

  @Test("X5: what the values refer to is released when the greenlet goes")
  func released() throws {
    let place = GreenletLocal<Token?>(nil)
    let main = Greenlet.main
    weak var watched: Token?
    do {
      let one = Greenlet {
        let token = Token()
        watched = token
        place.value = token
        try main.switch()
      }
      try one.switch()
      #expect(watched != nil)
      try one.kill()
      #expect(watched != nil, "a dead one has its values still")
    }
    #expect(watched == nil)
  }
}
