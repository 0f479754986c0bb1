// The VFS whose operations go wrong, from Swift.

import CStoreFaults
import StressKit

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Faults of files under all stores of this process.
enum FaultVFS {
  /// Kinds of operations.
  struct Operations: OptionSet {
    let rawValue: UInt32
    static let writes = Operations(rawValue: UInt32(GBV_WRITE))
    static let all = Operations(rawValue: UInt32(GBV_ALL))
  }

  enum Deed: UInt32 {
    case fail, half, kill, power
  }

  /// Which operations go wrong, and how.
  struct Plan {
    var operations: Operations
    var deed = Deed.fail

    /// The first of them, from 1 on.
    var first = 1
    var count = 1
    var error = EIO
  }

  /// Makes it the VFS of every store that is opened from now on; nothing goes wrong yet.
  static func install() throws(Finding) {
    let code = gbv_install()
    guard code == 0 else { throw Finding("the VFS was not taken by SQLite: error \(code)") }
    clear()
  }

  /// Takes a plan, and begins to count.
  static func set(_ plan: Plan) {
    gbv_set(
      gbv_plan(
        operations: plan.operations.rawValue, deed: plan.deed.rawValue, first: Int64(plan.first),
        count: Int64(plan.count), error: plan.error))
  }

  /// Nothing goes wrong; operations are counted.
  static func clear() {
    set(Plan(operations: .all, first: .max))
    gbv_set_room(-1, ENOSPC)
  }

  /// How many operations there were, and how many of them went wrong.
  static var counted: Int { Int(gbv_tell().counted) }
  static var met: Int { Int(gbv_tell().met) }

  /// The first operation that went wrong, in words.
  static var firstMet: String {
    let account = gbv_tell()
    guard account.met > 0 else { return "none" }
    let names = [
      "open", "read", "write", "truncation", "sync", "lock", "shared memory", "deletion", "look",
    ]
    let files = ["database", "log", "other file"]
    return "\(names[account.operation.trailingZeroBitCount]) of the \(files[Int(account.file)])"
  }

  /// Files may grow by so many bytes in all; nil for no limit.
  static func setRoom(_ bytes: Int?, error: Int32 = ENOSPC) {
    gbv_set_room(bytes.map(Int64.init) ?? -1, error)
  }

  /// How much room something takes at most, which is found by doing it.
  ///
  /// - Parameter body: Does it, and returns what must not close its files before the room is looked at.
  /// - Returns: The bytes.
  /// - Throws: What the body throws.
  static func room<Kept>(of body: () throws -> Kept) rethrows -> Int {
    let much = 1 << 40
    setRoom(much)
    defer { clear() }
    let kept = try body()
    return withExtendedLifetime(kept) { much - Int(gbv_least_room()) }
  }

  /// From now on what is written and not synced can be lost.
  static func remember() { gbv_remember() }

  /// Loses some of what was not synced; no store may be open.
  static func lose(_ generator: inout TrialGenerator) throws(Finding) {
    let error = gbv_lose(generator.next())
    guard error == 0 else { throw Finding("the power failure was not made: error \(error)") }
  }
}

/// Others at a store's file.
enum Others {
  /// Reads, and stays within the transaction until the closure ends.
  static func reading<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
    // SAFETY: the path is read before the call returns.
    try check(unsafe gbv_pin(path), "a reader")
    let result = Result { try body() }
    try check(gbv_unpin(), "the reader's end")
    return try result.get()
  }

  /// Holds the right to write until the closure ends.
  static func writing<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
    // SAFETY: the path is read before the call returns.
    try check(unsafe gbv_hold(path), "a writer")
    let result = Result { try body() }
    try check(gbv_release(), "the writer's end")
    return try result.get()
  }

  /// Changes a store as no program of this house would.
  static func execute(_ sql: String, _ path: String) throws(Finding) {
    // SAFETY: both texts are read before the call returns.
    try check(unsafe gbv_execute(path, sql), "the statement \(sql)")
  }

  private static func check(_ code: Int32, _ what: String) throws(Finding) {
    guard code == 0 else { throw Finding("\(what) was refused: SQLite's error \(code)") }
  }
}
