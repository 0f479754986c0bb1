// Hazards of Swift for code that switches stacks: each test fails without the engine's measure.

import CSanitizers
import CSwitch
import Foundation
import Greenlets
import Stacks
import Synchronization
import Testing

struct HazardTests {
  final class Token {}
  final class Box { var value = 0 }

  /// Opens an access of `value` around `act`; the runtime keeps a note of it in this frame.
  @inline(never) static func modify(_ value: inout Int, _ act: () throws -> Void) rethrows {
    value += 1
    try act()
    value += 1
  }

  /// Accesses that are open during switches: of different variables, closed in another order than
  /// opened; of one variable by two greenlets; ended in the middle; and one within another.
  static func openAccesses() throws {
    let main = Greenlet.main
    let (mine, theirs, third) = (Box(), Box(), Box())
    let one = Greenlet { try modify(&theirs.value) { try main.switch() } }
    try one.switch()
    try modify(&mine.value) {
      try one.switch()
      modify(&third.value) {}
    }
    #expect(mine.value == 2 && theirs.value == 2 && third.value == 2)

    let two = Greenlet { try modify(&mine.value) { try main.switch() } }
    try two.switch()
    // With one list for both, this would trap as a conflict with the access that waits there.
    modify(&mine.value) {}
    try two.switch()
    // Two changes at once: what comes of them is the optimiser's business.
    mine.value = 6

    do {
      let ended = Greenlet { try modify(&theirs.value) { try main.switch() } }
      try ended.switch()
    }
    // A note in a frame that is gone would be followed now.
    modify(&theirs.value) {}

    try modify(&mine.value) {
      let inner = Greenlet {
        try modify(&third.value) { try modify(&theirs.value) { try main.switch() } }
      }
      try inner.switch()
      modify(&theirs.value) {}
      try inner.switch()
    }
    #expect(third.value == 4 && mine.value == 8)
  }

  @Test("V1, G4: open accesses stay with their greenlet: the runtime's word is exchanged")
  func accessesByTheWord() {
    JoinedThread.run {
      expectNoError { try Self.openAccesses() }
      #expect(gb_accesses_are_found())
    }
  }

  @Test("V1: open accesses stay with their greenlet by the runtime's own functions, too")
  func accessesByTheRuntime() async {
    await #expect(processExitsWith: .success) {
      gb_accesses_never_find(true)
      JoinedThread.run {
        expectNoError { try Self.openAccesses() }
        #expect(!gb_accesses_are_found())
      }
      gb_accesses_never_find(false)
      JoinedThread.run {
        expectNoError { try Self.openAccesses() }
        #expect(gb_accesses_are_found())
      }
    }
  }

  @Test("V1: a conflict within one greenlet is still found")
  func conflictsAreFound() async {
    await #expect(processExitsWith: .failure) {
      let box = Box()
      let main = Greenlet.main
      let one = Greenlet {
        try Self.modify(&box.value) {
          try main.switch()
          Self.modify(&box.value) {}
        }
      }
      try one.switch()
      try one.switch()
      exit(EXIT_SUCCESS)
    }
  }

  @Test("V2: a local's value is not seen by a greenlet that runs meanwhile, nor taken off by it")
  func localsAreNotTheThreads() throws {
    let label = GreenletLocal("none")
    let main = Greenlet.main
    let one = Greenlet { try label.withValue("one") { try main.switch() } }
    try label.withValue("main") {
      try one.switch()
      #expect(label.value == "main")
    }
    #expect(label.value == "none")
    try label.withValue("again") {
      try one.switch()
      #expect(label.value == "again")
    }
  }

  @Test("V3: an error on its way through one greenlet is not seen by another one")
  func errorsStay() throws {
    struct Boom: Error {}
    let main = Greenlet.main
    let diary = Diary()
    let one = Greenlet {
      do {
        // The error is in a register while this destructor's replacement switches.
        defer { expectNoError { try main.switch() } }
        throw Boom()
      } catch { diary.add("one caught \(error)") }
    }
    try one.switch()
    #expect(diary.lines.isEmpty)
    let two = Greenlet { () throws -> Int in 7 }
    #expect(try two.switch() as Int == 7)
    try one.switch()
    #expect(diary.lines == ["one caught Boom()"])
  }

  @Test("V4: no stack goes back with frames on it: what they hold is released before")
  func noStackIsDropped() throws {
    let pool = StackPool(stackSize: .kibibytes(64), limit: 2)
    let main = Greenlet.main
    weak var watched: Token?
    for _ in 0..<8 {
      let one = Greenlet(stacks: .pool(pool)) {
        let token = Token()
        watched = token
        try main.switch()
        withExtendedLifetime(token) {}
      }
      try one.switch()
      #expect(watched != nil && pool.lentCount == 1)
    }
    #expect(watched == nil && pool.lentCount == 0)
  }

  @Test("V5: a handle that is going is not handed out again; the dying one gets a new one")
  func noResurrection() throws {
    let main = Greenlet.main
    var ids: [ObjectIdentifier] = []
    let kept = Place<Greenlet>()
    do {
      let one = Greenlet {
        ids.append(ObjectIdentifier(Greenlet.current))
        defer { kept.value = Greenlet.current }
        try main.switch()
      }
      try one.switch()
    }
    let dead = try #require(kept.value)
    #expect(dead.state == .dead)
    #expect(ids != [ObjectIdentifier(dead)], "another object, for the same greenlet")
    #expect(dead.parent === main, "a handle that can be used")
  }

  @Test("V6: nothing jumps: no source of the package uses setjmp or longjmp")
  func noJumps() throws {
    let folder = Sources.root.appending(path: "Sources")
    let files = try #require(
      FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    var read = 0
    for case let file as URL in files where ["c", "h", "S", "swift"].contains(file.pathExtension) {
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(!text.contains(/\b_?_?(sig)?(set|long)jmp\b/), "\(file.lastPathComponent)")
      read += 1
    }
    #expect(read > 100)
  }

  @Test("V9: a greenlet that waits for a lock of its own thread gets an error, not a deadlock")
  func locks() throws {
    let main = Greenlet.main
    let lock = GreenletLock()
    let holder = Greenlet("holder") { try lock.withLock { try main.switch() } }
    try holder.switch()
    #expect(lock.holderID == holder.id)
    #expect(throws: GreenletError.lockIsHeld(holder: "holder", current: "main")) {
      try lock.withLock {}
    }
    JoinedThread.run {
      #expect(throws: GreenletError.lockIsHeld(holder: "holder", current: "main")) {
        try lock.withLock {}
      }
    }
    try holder.switch()
    #expect(try lock.withLock { 7 } == 7)
    #expect(throws: GreenletError.lockIsHeld(holder: "main", current: "main")) {
      try lock.withLock { try lock.withLock {} }
    }
    try holder.kill()
  }

  @Test(
    "V10: the program is not marked as one for shadow stacks",
    .enabled(if: FileManager.default.fileExists(atPath: "/proc/self/exe")))
  func shadowStacks() throws {
    let program = try Data(contentsOf: URL(filePath: "/proc/self/exe"), options: .alwaysMapped)
    let features = Machine.features(ofProgram: program)
    #expect(features & 2 == 0, "bit 1 of the x86 features says that calls and returns match")
    for name in ["switch_x86_64_sysv.S", "switch_aarch64_aapcs.S"] {
      let text = try String(
        contentsOf: Sources.root.appending(path: "Sources/CSwitch/\(name)"), encoding: .utf8)
      #expect(!text.contains(".note.gnu.property"))
    }
    let package = try String(
      contentsOf: Sources.root.appending(path: "Package.swift"), encoding: .utf8)
    #expect(!package.contains("cf-protection"))
  }

  @Test("V11: the engine knows the sanitizer that the program has, and the one that is asked for")
  func sanitizer() {
    let names = ["none", "address", "thread"]
    let kind = names[Int(gb_sanitizer_kind.rawValue)]
    // SAFETY: only whether there is such a function.
    let present = unsafe [
      "address": dlsym(nil, "__asan_init") != nil, "thread": dlsym(nil, "__tsan_init") != nil,
    ].first { $0.value }?.key
    #expect(kind == present ?? "none")
  }
}

/// What the linker says of the program.
enum Machine {
  /// The x86 features that all of the program's objects have, from its property note; 0 without one.
  static func features(ofProgram data: Data) -> UInt32 {
    func word(_ offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(data[data.startIndex + offset + $1]) << (8 * UInt32($1)) }
    }
    let (table, size) = (Int(word(32)), Int(word(54) & 0xffff))
    for index in 0..<Int(word(56) & 0xffff) {
      let entry = table + index * size
      // A property note: name size, descriptor size, type, "GNU", then type, size, value each.
      guard word(entry) == 0x6474_e553 else { continue }
      let note = Int(word(entry + 8))
      var at = note + 16
      while at < note + 16 + Int(word(note + 4)) {
        if word(at) == 0xc000_0002 { return word(at + 8) }
        at += 8 + (Int(word(at + 4)) + 7) & ~7
      }
    }
    return 0
  }
}
