// A file that only takes room, so that there is some to give up when the file system is full.

import FoundationEssentials

extension ResultStore {
  /// How much room a reserve takes: some sessions, and what it takes to drop old rows.
  public static let reserveBytes = 4 << 20

  /// Makes the reserve, if it is not there and the file system has room for four of them.
  ///
  /// Whatever finds the file system full gives it up, and tries once more; so a full disk is told
  /// while what was measured last can still be stored. Deleting needs room in SQLite, too.
  ///
  /// - Parameter bytes: How much room it takes.
  /// - Returns: Whether there is a reserve now.
  /// - Throws: `notWritable` when it could not be made for another reason than want of room.
  @discardableResult
  public func keepReserve(bytes: Int = Self.reserveBytes) throws(StoreError) -> Bool {
    let file = Self.reserve(of: path)
    let manager = FileManager.default
    if manager.fileExists(atPath: file) { return true }
    do {
      let folder = URL(filePath: path).deletingLastPathComponent().path
      let facts = try manager.attributesOfFileSystem(forPath: folder)
      guard let free = facts[.systemFreeSize] as? Int, free >= 4 * bytes else { return false }
      // Written, not only made long: only so the room is really taken.
      try Data(repeating: 0x72, count: bytes).write(to: URL(filePath: file))
      try manager.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
      return true
    } catch let error as CocoaError where error.code == .fileWriteOutOfSpace {
      Self.giveUpReserve(of: path)
      return false
    } catch {
      throw .notWritable(path: file, reason: "\(error)")
    }
  }

  /// Whether there is a reserve.
  public var hasReserve: Bool {
    FileManager.default.fileExists(atPath: Self.reserve(of: path))
  }

  /// Does something once more with the room of the reserve, when there was none without it.
  ///
  /// Without a path nothing may be changed, and there is no reserve.
  static func withReserve<Value>(
    of path: String?, _ body: () throws(StoreError) -> Value
  ) throws(StoreError) -> Value {
    do {
      return try body()
    } catch {
      guard case .full = error, let path, giveUpReserve(of: path) else { throw error }
      return try body()
    }
  }

  /// Whether there was one.
  @discardableResult
  private static func giveUpReserve(of path: String) -> Bool {
    do {
      try FileManager.default.removeItem(atPath: reserve(of: path))
      return true
    } catch {
      // There was none, or it cannot be removed: either way there is no more room than before.
      return false
    }
  }

  private static func reserve(of path: String) -> String { path + "-reserve" }
}
