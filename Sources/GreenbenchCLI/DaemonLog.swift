// The log of a daemon that `daemon start` started: a file of the user's own in the runtime folder.

import DaemonAPI
import Foundation
import Glibc

/// Opens and reads the log.
struct DaemonLog {
  let paths: RuntimePaths

  /// Opens the file to append to, making the folder and the file where they are not there.
  ///
  /// - Returns: A descriptor that programs started from here do not inherit; the caller closes it.
  /// - Throws: Why folder or file are not to be trusted.
  func open() throws(DaemonFault) -> Int32 {
    let folder = paths.folder
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw DaemonFault(.permission, "cannot make \(folder); check the permissions above it")
    }
    // SAFETY: the strings live for the calls, which only read them.
    let place = unsafe Glibc.open(folder, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    defer { if place >= 0 { close(place) } }
    guard place >= 0, Self.isPrivate(place, kind: S_IFDIR) else {
      throw DaemonFault(
        .permission, "\(folder) is not a folder of this user alone; make it so with `chmod 700`")
    }
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
    let log = unsafe openat(place, RuntimePaths.logName, flags, 0o600)
    guard log >= 0, Self.isPrivate(log, kind: S_IFREG) else {
      if log >= 0 { close(log) }
      throw DaemonFault(
        .permission, "\(paths.log) is not a file of this user alone; move it away")
    }
    return log
  }

  /// The text after a number of bytes; of a longer one its end.
  func text(after bytes: Int) -> String {
    // Without a log there is nothing to quote from.
    guard let file = try? FileHandle(forReadingFrom: URL(filePath: paths.log)),
      let end = try? file.seekToEnd()
    else { return "" }
    let start = max(UInt64(bytes), end > Self.quotedMax ? end - Self.quotedMax : 0)
    guard start < end, (try? file.seek(toOffset: start)) != nil,
      let data = try? file.readToEnd()
    else { return "" }
    return String(decoding: data, as: UTF8.self)
  }

  /// How long it is, in bytes.
  var length: Int {
    // What is not there has no length.
    let size = try? FileManager.default.attributesOfItem(atPath: paths.log)[.size]
    return (size as? Int) ?? 0
  }

  private static let quotedMax: UInt64 = 1 << 20

  private static func isPrivate(_ descriptor: Int32, kind: mode_t) -> Bool {
    var status = stat()
    // SAFETY: `status` is a whole `struct stat` that outlives the call.
    return unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == kind
      && status.st_uid == geteuid() && status.st_mode & 0o077 == 0
      && (kind == S_IFDIR || status.st_nlink == 1)
  }
}
