// Whether a socket, its folder or a token is the user's own, before anything is said to it.

import Glibc

/// Looks at files without following links.
enum PathTrust {
  /// Says what is wrong with a socket or its folder; nil when nothing is.
  ///
  /// - Throws: `notRunning` when there is no socket.
  static func check(socket path: String) throws(DaemonClientError) {
    let folder = String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
    guard let around = facts(folder.isEmpty ? "." : folder) else {
      throw .notRunning(place: path)
    }
    guard around.kind == S_IFDIR else {
      throw .forbidden(place: folder, reason: "is no folder")
    }
    guard around.owner == geteuid() else {
      throw .forbidden(place: folder, reason: "belongs to another user")
    }
    guard around.permissions & 0o077 == 0 else {
      throw .forbidden(place: folder, reason: "is open to other users")
    }
    guard let socket = facts(path) else { throw .notRunning(place: path) }
    guard socket.kind == S_IFSOCK else {
      throw .forbidden(place: path, reason: "is no socket")
    }
    guard socket.owner == geteuid() else {
      throw .forbidden(place: path, reason: "belongs to another user")
    }
  }

  /// Reads a token, if its file is the user's alone.
  static func token(_ path: String) throws(DaemonClientError) -> String {
    // SAFETY: the string lives for the call, which only reads it.
    let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let why = errno == ELOOP ? "is a symbolic link" : "cannot be read"
      throw .forbidden(place: path, reason: why)
    }
    defer { close(descriptor) }
    var status = stat()
    // SAFETY: `status` is a whole `struct stat` that outlives the call.
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_uid == geteuid(), status.st_mode & 0o077 == 0
    else { throw .forbidden(place: path, reason: "is not a file that only this user can read") }
    var bytes = [UInt8](repeating: 0, count: 4096)
    // SAFETY: `read` writes at most the count of bytes that the array has.
    let count = unsafe read(descriptor, &bytes, bytes.count)
    let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    let token = text.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
    guard token.utf8.count >= 16, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .forbidden(place: path, reason: "holds no token")
    }
    return token
  }

  private struct Facts {
    var kind: mode_t
    var permissions: mode_t
    var owner: uid_t
  }

  /// nil when there is nothing of this name, or nobody lets us look.
  private static func facts(_ path: String) -> Facts? {
    var status = stat()
    // SAFETY: `status` is a whole `struct stat` that outlives the call, as does the string.
    guard unsafe lstat(path, &status) == 0 else { return nil }
    return Facts(
      kind: status.st_mode & S_IFMT, permissions: status.st_mode & 0o7777, owner: status.st_uid)
  }
}
