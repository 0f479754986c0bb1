// Reads a small text file that nobody but the user and root may have written.

import BenchmarkRunner
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Files whose text decides what a process does.
enum OwnedFile {
  static let bytesMax = 1 << 20

  /// Reads a file.
  ///
  /// - Parameter path: The file; a symbolic link is followed.
  /// - Returns: Its text; nil when there is no such file.
  /// - Throws: `exposedFile` when others may write it or it is another user's; `unreadableFile`.
  static func read(_ path: String) throws(RunnerError) -> String? {
    // Without O_NONBLOCK a pipe in the file's place would be waited for.
    // SAFETY: the path is a string with its end, for this call alone.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw .unreadableFile(
        path, reason: errno == EACCES ? "permission denied" : "error \(errno)")
    }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    // Of the open file, so that nobody can put another one in its place in between.
    var facts = stat()
    // SAFETY: a descriptor of our own, and a place for the answer that lives through the call.
    guard unsafe fstat(descriptor, &facts) == 0 else {
      throw .unreadableFile(path, reason: "error \(errno)")
    }
    guard facts.st_mode & S_IFMT == S_IFREG else {
      throw .unreadableFile(path, reason: "it is no plain file")
    }
    guard facts.st_uid == geteuid() || facts.st_uid == 0 else {
      throw .exposedFile(
        path, fact: "it is user \(facts.st_uid)'s", mend: "make a file of your own")
    }
    guard facts.st_mode & 0o022 == 0 else {
      throw .exposedFile(
        path, fact: "others may write it (mode \(String(facts.st_mode & 0o7777, radix: 8)))",
        mend: "call `chmod go-w` on it")
    }
    let bytes: Data
    do {
      bytes = try file.read(upToCount: bytesMax + 1) ?? Data()
    } catch {
      throw .unreadableFile(path, reason: "it ends in an error")
    }
    guard bytes.count <= bytesMax else {
      throw .unreadableFile(path, reason: "it is longer than \(bytesMax) bytes")
    }
    guard let text = String(data: bytes, encoding: .utf8) else {
      throw .unreadableFile(path, reason: "it is not UTF-8 text")
    }
    return text
  }
}
