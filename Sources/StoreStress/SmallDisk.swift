// File systems of a trial's own: small ones, and ones that are only read.

import CStoreFaults
import Foundation
import StressKit

/// For children only: what is mounted is seen by nobody else, and goes with the process.
enum SmallDisk {
  /// Makes an empty folder a file system with so many bytes.
  ///
  /// - Throws: `Skip` where this user may not.
  static func mount(_ folder: URL, bytes: Int) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // SAFETY: the path is read before the call returns.
    let error = unsafe gbv_private_tmpfs(folder.path, Int64(bytes))
    guard error == 0 else {
      throw Skip(
        "no small file system could be mounted (error \(error)); "
          + "run it as root, or where users may make namespaces")
    }
  }

  /// From now on nothing can be written to it.
  static func makeReadOnly(_ folder: URL) throws {
    // SAFETY: the path is read before the call returns.
    let error = unsafe gbv_remount_read_only(folder.path)
    guard error == 0 else {
      throw Skip("a file system could not be made read-only (error \(error)); run it as root")
    }
  }

  /// Does something without the rights of the superuser, whom no mode stops.
  static func asNobody(_ body: () throws -> Void) throws {
    let error = gbv_become_nobody()
    guard error == 0 else { throw Finding("the rights could not be given up: error \(error)") }
    let result = Result { try body() }
    let other = gbv_become_root_again()
    guard other == 0 else { throw Finding("the rights did not come back: error \(other)") }
    try result.get()
  }
}
