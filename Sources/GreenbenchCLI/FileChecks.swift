// The doctor's checks of files: the runtime folder, what lies in it, and the store.

import DaemonAPI
import Foundation
import Glibc

/// Looks at files, without following links and without changing anything.
struct FileChecks {
  let paths: RuntimePaths

  var findings: [Finding] {
    [folder, socket, lock] + [paths.log, paths.token, paths.dump].compactMap(file)
  }

  private var folder: Finding {
    let name = "runtime-folder"
    guard let facts = Facts(paths.folder) else {
      return .warn(name, "\(paths.folder) is not there", "a daemon makes it")
    }
    guard facts.kind == .typeDirectory, facts.isOurs else {
      return .bad(
        name, "\(paths.folder) is not a folder of this user", "remove it, or see whose it is")
    }
    guard facts.isPrivate else {
      return .bad(
        name, "\(paths.folder) is open to others, mode \(facts.mode)",
        "`chmod 700 \(paths.folder)`")
    }
    let bytes = paths.socket.utf8.count
    guard bytes <= RuntimePaths.socketBytesMax else {
      return .bad(
        name, "the socket's path has \(bytes) bytes, \(RuntimePaths.socketBytesMax) fit",
        "set GREENBENCH_RUNTIME_DIR to a shorter one")
    }
    return .ok(name, "\(paths.folder), mode \(facts.mode)")
  }

  private var socket: Finding {
    guard let facts = Facts(paths.socket) else {
      return .warn("socket", "none at \(paths.socket)", "`greenbench daemon start`")
    }
    guard facts.kind == .typeSocket, facts.isOurs else {
      return .bad("socket", "\(paths.socket) is not a socket of this user", "remove it")
    }
    return facts.isPrivate
      ? .ok("socket", "mode \(facts.mode)")
      : .bad("socket", "open to others, mode \(facts.mode)", "stop the daemon, and start it")
  }

  private var lock: Finding {
    guard let facts = Facts(paths.lock) else {
      return .warn("lock", "none at \(paths.lock)", "a daemon makes it")
    }
    guard facts.kind == .typeRegular, facts.isOurs, facts.isPrivate else {
      return .bad("lock", "\(paths.lock) is not a file of this user alone", "remove it")
    }
    // Asking for the lock would keep a daemon from starting; the kernel's list shows it as well.
    // Without the list, nothing is known about locks.
    let held = (try? String(contentsOfFile: "/proc/locks", encoding: .utf8)).map { list in
      list.split(separator: "\n").contains {
        $0.contains(" FLOCK ") && $0.contains(":\(facts.number) ")
      }
    }
    return .ok("lock", held.map { $0 ? "held" : "free" } ?? "there")
  }

  /// nil when there is no such file, which is as good.
  private func file(_ path: String) -> Finding? {
    guard let facts = Facts(path) else { return nil }
    let name = URL(filePath: path).lastPathComponent
    guard facts.kind == .typeRegular, facts.isOurs, facts.isPrivate else {
      return .bad(name, "\(path) is not a file of this user alone", "`chmod 600`, or remove it")
    }
    return .ok(name, "mode \(facts.mode)")
  }

  /// Below the first, sessions are about to be lost; the second is some weeks of them.
  private static let freeBytesLeast = (bad: 64 << 20, warn: 1 << 30)

  static func store(_ path: String) -> Finding {
    var folder = URL(filePath: path).deletingLastPathComponent()
    while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" {
      folder.deleteLastPathComponent()
    }
    let there = FileManager.default.fileExists(atPath: path)
    guard FileManager.default.isWritableFile(atPath: there ? path : folder.path) else {
      return .bad("store", "\(path) cannot be written", "check the permissions, or name another")
    }
    // A file system that tells nothing has no known end.
    let facts = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
    guard let free = (facts?[.systemFreeSize] as? NSNumber)?.intValue else {
      return .warn("store", "\(path), on a disk of unknown size", "look at it with `df`")
    }
    let room = "\(path), \(free >> 20) MiB free"
    if free < freeBytesLeast.bad { return .bad("store", room, "make room") }
    return free < freeBytesLeast.warn ? .warn("store", room, "make room") : .ok("store", room)
  }

  private struct Facts {
    var kind: FileAttributeType
    var permissions: Int
    var owner: Int
    var number: Int

    /// nil when there is nothing of this name, or it cannot be looked at.
    init?(_ path: String) {
      guard let found = try? FileManager.default.attributesOfItem(atPath: path),
        let kind = found[.type] as? FileAttributeType,
        let permissions = (found[.posixPermissions] as? NSNumber)?.intValue,
        let owner = (found[.ownerAccountID] as? NSNumber)?.intValue,
        let number = (found[.systemFileNumber] as? NSNumber)?.intValue
      else { return nil }
      self.kind = kind
      self.permissions = permissions
      self.owner = owner
      self.number = number
    }

    var isOurs: Bool { owner == Int(geteuid()) }
    var isPrivate: Bool { permissions & 0o077 == 0 }
    var mode: String { String(permissions, radix: 8) }
  }
}
