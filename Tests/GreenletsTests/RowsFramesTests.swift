// Rows F and V12, E5: the frames of a suspended greenlet, and where they end.

import CSwitch
import Foundation
import Greenlets
import Testing

struct RowsFramesTests {
  /// Suspends from a function of its own, `depth` calls deep.
  ///
  /// - Returns: No sum: the optimiser makes a loop of that.
  @inline(never) static func suspendDeep(_ depth: Int, _ main: Greenlet) throws -> Int {
    if depth == 0 {
      try main.switch()
      return 0
    }
    return try (suspendDeep(depth - 1, main) ^ depth) &* 31
  }

  /// How often the address that is there most often is there: the depth of a recursion.
  private func depth(_ addresses: [UInt]) -> Int {
    Dictionary(grouping: addresses) { $0 }.map(\.value.count).max() ?? 0
  }

  @Test("F1, V12: a suspended greenlet's frames can be walked; other states have none")
  func walks() throws {
    let main = Greenlet.main
    let seen = Place<[UInt]>()
    let one = Greenlet { () -> Int in
      seen.value = Greenlet.current.backtrace()
      return try Self.suspendDeep(20, main)
    }
    #expect(one.backtrace().isEmpty, "unstarted")
    try one.switch()
    #expect(seen.value == [], "running")
    let found = one.backtrace()
    #expect(depth(found) == 20)
    #expect(one.backtrace() == found, "to look changes nothing")
    try one.switch()
    #expect(one.backtrace().isEmpty, "dead")
  }

  @Test("F1: main's frames can be walked while it is suspended")
  func walksMain() throws {
    let main = Greenlet.main
    let one = Greenlet { Place(main.backtrace()) }
    @inline(never) func descend(_ depth: Int) throws -> Int {
      if depth == 0 {
        let found: Place<[UInt]> = try one.switch()
        return self.depth(found.value ?? [])
      }
      return try descend(depth - 1) ^ 0
    }
    #expect(try descend(20) == 20)
  }

  @Test("F2, F3: the walk ends at the greenlet's first frame; its creator's are not part of it")
  func stopsAtTheFirstFrame() throws {
    let main = Greenlet.main
    @inline(never) func create(_ depth: Int) throws -> Greenlet {
      if depth > 0 { return try create(depth - 1) }
      let one = Greenlet { _ = try Self.suspendDeep(5, main) }
      try one.switch()
      return one
    }
    let one = try create(20)
    #expect(depth(one.backtrace()) == 5)
    #expect(
      one.backtrace().map(FirstFrame.contains)
        == one.backtrace().indices.map {
          $0 == one.backtrace().count - 1
        })
    try one.kill()
  }

  @Test("F2: the whole chain is there also through frames of the library's own functions")
  func throughNativeFrames() throws {
    let main = Greenlet.main
    let one = Greenlet { () -> [Int] in
      try [3, 1, 2].sorted { left, right in
        _ = try Self.suspendDeep(5, main)
        return left < right
      }
    }
    try one.switch()
    let found = one.backtrace()
    #expect(depth(found) == 5)
    #expect(found.last.map(FirstFrame.contains) == true)
    // The library's own frames lie between those that go down and the first one.
    #expect(found.count > 5 + 2)
    var reply: Any = ()
    while one.isActive { reply = try one.switch() as Any }
    #expect(reply as? [Int] == [1, 2, 3])
  }

  @Test("E5, V12: the system's unwinder finds the first frame last, and no other greenlet's")
  func unwinderStops() throws {
    let one = Greenlet { Place(Unwinder.addresses()) }
    @inline(never) func descend(_ depth: Int) throws -> [UInt] {
      if depth > 0 { return try descend(depth - 1) + [] }
      let found: Place<[UInt]> = try one.switch()
      return found.value ?? []
    }
    let found = try descend(20)
    #expect(found.count > 4 && depth(found) < 20)
    #expect(found.map(FirstFrame.contains) == found.indices.map { $0 == found.count - 1 })
  }

  @Test("V12: a dump shows each suspended greenlet with its frames, under its parent")
  func dumps() throws {
    let main = Greenlet.main
    let parent = Greenlet("the parent") { _ = try Self.suspendDeep(5, main) }
    try parent.switch()
    let child = Greenlet("the child", parent: parent) { _ = try Self.suspendDeep(5, main) }
    try child.switch()
    let lines = GreenletDump.ofThisThread().split(separator: "\n").map(String.init)
    let above = try #require(
      lines.firstIndex { $0.contains("the parent (number \(parent.id), suspended)") })
    let below = try #require(
      lines.firstIndex { $0.contains("the child (number \(child.id), suspended)") })
    #expect(above < below)
    #expect(lines[above].prefix { $0 == " " }.count < lines[below].prefix { $0 == " " }.count)
    let frames = lines[above..<below].filter { $0.contains(" at ") }
    #expect(frames.count == parent.backtrace().count)
    #expect(lines.contains { $0.contains("main (number \(main.id), running)") })
    try child.kill()
    try parent.kill()
  }
}

/// The assembly that calls a greenlet's first function.
enum FirstFrame {
  /// Whether an address lies in it: the file has it after the switch as a call, and nothing else.
  static func contains(_ address: UInt) -> Bool {
    typealias Switch =
      @convention(c) (
        UnsafeMutablePointer<gb_context>?, UnsafeMutablePointer<gb_context>?, UInt
      ) -> UInt
    let before: Switch = unsafe gb_switch_outofline
    // SAFETY: a function of C is its address.
    let begin = unsafe unsafeBitCast(before, to: UInt.self)
    return begin < address && address < begin + 256
  }
}

/// The unwinder that exceptions of other languages and debuggers' libraries use.
enum Unwinder {
  private final class Found { var addresses: [UInt] = [] }

  private typealias Visit =
    @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Int32
  private typealias Walk = @convention(c) (Visit, UnsafeMutableRawPointer?) -> Int32
  private typealias Address = @convention(c) (UnsafeMutableRawPointer?) -> UInt

  // SAFETY: a function of the unwinder's C interface, of just this type.
  nonisolated(unsafe) private static let address: Address = {
    guard let found = unsafe dlsym(nil, "_Unwind_GetIP") else { preconditionFailure("no unwinder") }
    return unsafe unsafeBitCast(found, to: Address.self)
  }()

  /// The return addresses of the frames that run, innermost first.
  static func addresses() -> [UInt] {
    // SAFETY: as above.
    guard let symbol = unsafe dlsym(nil, "_Unwind_Backtrace") else { return [] }
    let walk = unsafe unsafeBitCast(symbol, to: Walk.self)
    let found = Found()
    _ = unsafe walk(
      { context, argument in
        guard let argument = unsafe argument else { return 0 }
        let found = unsafe Unmanaged<Found>.fromOpaque(argument).takeUnretainedValue()
        let address = unsafe Unwinder.address(context)
        // The end of the chain is told as a frame without an address.
        if address != 0 { found.addresses.append(address) }
        return 0
      }, Unmanaged.passUnretained(found).toOpaque())
    return found.addresses
  }
}
