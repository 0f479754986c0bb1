// The right to be the daemon of a runtime folder.

import CSockets
public import DaemonAPI

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The runtime folder, checked, and its lock, held until this value goes or the process dies.
///
/// To be taken before the store is opened: who has it is the only daemon. The lock belongs to the
/// open file and not to its text, so one who was killed leaves nothing behind that holds.
public final class RuntimeClaim: Sendable {
  public let paths: RuntimePaths
  let folder: RuntimeFolder
  private let lock: Descriptor

  /// Makes the folder if it is not there, looks at it, and takes its lock.
  ///
  /// From here on, what the process makes is its user's alone: the umask is 077.
  ///
  /// - Throws: What is wrong with the folder, or that a daemon is running already.
  public init(_ paths: RuntimePaths) throws(ServerError) {
    SystemCalls.settle()
    self.paths = paths
    folder = try RuntimeFolder(paths)
    let name = RuntimePaths.lockName
    guard let file = try folder.open(name, for: GB_READ_WRITE_MAKE) else {
      throw ServerError(.fault, "\(paths.lock) vanished while it was made; start again")
    }
    do throws(SystemFailure) {
      try SystemCalls.lock(file)
      // One who removed the file in between would let two daemons lock two files of one name.
      let named = try SystemCalls.facts(of: name, in: folder.handle)
      let own = try SystemCalls.facts(of: file)
      guard named?.isSame(as: own) == true else {
        throw SystemFailure(number: EWOULDBLOCK)
      }
      try SystemCalls.replace(file, with: "\(getpid())\n")
    } catch {
      guard error.isOccupied else {
        throw ServerError(
          .fault, "\(paths.lock) cannot be locked: \(error.reason); remove it and start again")
      }
      throw ServerError(
        .running,
        "a daemon is running already (pid \(Self.holder(file))); "
          + "stop it with `greenbench daemon stop` or use it")
    }
    lock = file
  }

  /// Who has the lock, by its text.
  private static func holder(_ file: borrowing Descriptor) -> String {
    // Only for the sentence: without the text it is as true.
    let bytes = (try? SystemCalls.read(file, most: 16)) ?? []
    let digits = String(decoding: bytes, as: UTF8.self).prefix { $0.isASCII && $0.isNumber }
    return digits.isEmpty ? "unknown" : String(digits)
  }
}
