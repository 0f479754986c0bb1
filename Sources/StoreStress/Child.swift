// Children of a trial: processes that are killed, or that see a file system of their own.

import CStoreFaults
import Foundation
import StressKit

/// A process that a trial forked.
final class Child {
  private let pid: Int32
  private let ear: FileHandle

  /// nil until it was waited for: from then on its number may be another's.
  private var ending: Ending?

  /// How it ended.
  enum Ending: Hashable {
    case exited(Int32)
    case killed(Int32)
  }

  /// Forks: the child does what the closure says, and ends; what it tells is a line each.
  ///
  /// Only for classes whose process has no other thread that works.
  init(_ body: (_ tell: (String) -> Void) -> Void) throws(Finding) {
    let pipe = Pipe()
    let pid = gbv_fork()
    guard pid >= 0 else { throw Finding("no child could be made: error \(errno)") }
    if pid == 0 {
      let mouth = pipe.fileHandleForWriting
      body { line in
        do {
          try mouth.write(contentsOf: Data((line + "\n").utf8))
        } catch {
          // Nobody listens any more.
          _exit(1)
        }
      }
      _exit(0)
    }
    self.pid = pid
    ear = pipe.fileHandleForReading
    do {
      try pipe.fileHandleForWriting.close()
    } catch {
      throw Finding("a pipe could not be closed: \(error)")
    }
  }

  /// The next of its lines; nil at its end.
  func line() -> String? {
    var bytes: [UInt8] = []
    while let byte = nextByte(), byte != UInt8(ascii: "\n") { bytes.append(byte) }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }

  /// All the lines that are left.
  func lines() -> [String] {
    var lines: [String] = []
    while let line = line() { lines.append(line) }
    return lines
  }

  private func nextByte() -> UInt8? {
    var byte: UInt8 = 0
    // SAFETY: one byte, for which there is room.
    return unsafe read(ear.fileDescriptor, &byte, 1) == 1 ? byte : nil
  }

  func kill() { if ending == nil { _ = Foundation.kill(pid, SIGKILL) } }

  /// Kills it if it is still there, and waits until it is gone.
  func end() {
    kill()
    _ = wait()
  }

  /// Waits for its end.
  func wait() -> Ending {
    if let ending { return ending }
    var status: Int32 = 0
    // SAFETY: the status outlives the call.
    while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    let ending = status & 0x7f == 0 ? Ending.exited(status >> 8 & 0xff) : .killed(status & 0x7f)
    self.ending = ending
    return ending
  }
}

extension Trial {
  /// Does something in a child, as if it were done here: its checks, figures and findings are this
  /// trial's.
  func inChild(_ body: (Trial) throws -> Void) throws {
    let before = checks
    let child = try Child { tell in
      do {
        try body(self)
        tell("checks \(checks - before)")
        for (name, value) in figures { tell("figure \(value) \(name)") }
      } catch let skip as Skip {
        tell("skip \(skip.reason)")
      } catch {
        tell("finding \(error)")
      }
    }
    let lines = child.lines()
    let ending = child.wait()
    for line in lines {
      let rest = String(line.drop { $0 != " " }.dropFirst())
      switch line.prefix(while: { $0 != " " }) {
      case "skip": throw Skip(rest)
      case "finding": throw Finding(rest)
      case "checks": count(Int(rest) ?? 0)
      case "figure":
        let parts = rest.split(separator: " ", maxSplits: 1)
        if parts.count == 2, let value = Double(parts[0]) { figure(String(parts[1]), value) }
      default: break
      }
    }
    guard ending == .exited(0) else { throw Finding("the child of the trial ended by \(ending)") }
  }
}
