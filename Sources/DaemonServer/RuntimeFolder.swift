// The runtime folder: the user's own, and what may lie in it.

import CSockets
import DaemonAPI

/// The folder, open: what is looked at through it is what was checked, whoever renames things.
struct RuntimeFolder: ~Copyable {
  let paths: RuntimePaths

  /// The open folder, for calls that take names in it.
  let handle: Descriptor

  /// Makes the folder if it is not there, and looks at it.
  init(_ paths: RuntimePaths) throws(ServerError) {
    let path = paths.folder
    guard paths.socket.utf8.count <= RuntimePaths.socketBytesMax else {
      throw ServerError(
        .usage,
        "\(paths.socket) has \(paths.socket.utf8.count) bytes, a socket's path has at most "
          + "\(RuntimePaths.socketBytesMax); name a shorter folder with GREENBENCH_RUNTIME_DIR")
    }
    handle = try Self.open(path)
    self.paths = paths
  }

  private static func open(_ path: String) throws(ServerError) -> Descriptor {
    do {
      try SystemCalls.makeFolder(path)
      let handle = try SystemCalls.openFolder(path)
      let facts = try SystemCalls.facts(of: handle)
      let parent = try SystemCalls.facts(of: "..", in: handle)
      if let objection = objection(to: facts, below: parent, for: SystemCalls.user) {
        throw SystemObjection(text: objection)
      }
      return handle
    } catch let objection as SystemObjection {
      throw ServerError(
        .permission,
        "the runtime folder \(path) \(objection.text); "
          + "mend that or name another one with GREENBENCH_RUNTIME_DIR")
    } catch {
      let failure = error as? SystemFailure
      let fact =
        failure?.isLink == true
        ? "the runtime folder \(path) is a link or no folder"
        : "the runtime folder \(path) cannot be used: \(failure?.reason ?? "\(error)")"
      throw ServerError(.permission, fact + "; name another one with GREENBENCH_RUNTIME_DIR")
    }
  }

  /// A reason that is no error of the kernel's.
  private struct SystemObjection: Error { let text: String }

  /// What is wrong with a folder for this user; nil when nothing is.
  static func objection(
    to folder: FileFacts, below parent: FileFacts?, for user: UInt32
  ) -> String? {
    if folder.kind != .folder { return "is no folder" }
    if folder.user != user { return "belongs to user \(folder.user), not to \(user)" }
    if folder.mode & 0o077 != 0 {
      return "has mode \(String(folder.mode, radix: 8)), and 700 lets nobody else in"
    }
    guard let parent else { return nil }
    // Who may write to the parent may put another folder in this one's place, unless it is sticky.
    if parent.mode & 0o002 != 0, parent.mode & 0o1000 == 0 {
      return "lies in a folder that anybody may write to"
    }
    return nil
  }

  /// What lies at a name; nil where nothing is.
  func facts(of name: String) throws(ServerError) -> FileFacts? {
    do {
      return try SystemCalls.facts(of: name, in: handle)
    } catch {
      throw failure(name, error)
    }
  }

  /// Removes a name.
  func remove(_ name: String) throws(ServerError) {
    do {
      try SystemCalls.remove(name, from: handle)
    } catch {
      throw failure(name, error)
    }
  }

  /// Opens a file that has to be the user's own, nobody else's, and under one name only.
  ///
  /// - Returns: nil when it is not there and was not to be made.
  func open(_ name: String, for opening: gb_opening) throws(ServerError) -> Descriptor? {
    // A value that cannot be copied is not moved out of a catch, so the outcome goes by a result.
    try look(name, for: opening)?.get()
  }

  private func look(
    _ name: String, for opening: gb_opening
  ) -> Result<Descriptor, ServerError>? {
    do throws(SystemFailure) {
      let file = try SystemCalls.openFile(name, in: handle, for: opening)
      let facts = try SystemCalls.facts(of: file)
      if let objection = Self.objection(toFile: facts, for: SystemCalls.user) {
        return .failure(
          ServerError(
            .permission, "\(paths.folder)/\(name) \(objection); look who made it, then remove it"))
      }
      return .success(file)
    } catch {
      return error.isAbsence ? nil : .failure(failure(name, error))
    }
  }

  /// What is wrong with a file for this user; nil when nothing is.
  static func objection(toFile facts: FileFacts, for user: UInt32) -> String? {
    if facts.kind != .regular { return "is no regular file" }
    if facts.user != user { return "belongs to user \(facts.user), not to \(user)" }
    if facts.mode & 0o077 != 0 {
      return "has mode \(String(facts.mode, radix: 8)), and 600 keeps others out"
    }
    if facts.links != 1 { return "has \(facts.links) names" }
    return nil
  }

  private func failure(_ name: String, _ failure: SystemFailure) -> ServerError {
    let path = "\(paths.folder)/\(name)"
    if failure.isLink {
      return ServerError(.permission, "\(path) is a link; look who made it, then remove it")
    }
    if failure.isOfNoFile {
      return ServerError(
        .permission, "\(path) is no regular file; look who made it, then remove it")
    }
    return ServerError(
      .permission, "\(path): \(failure.reason); look who made it, then remove it")
  }
}
