// One trial: a child process that faults, what it said, and how it ended.

import CFaults
import Foundation

/// Something that ends a process.
protocol Trial: CustomStringConvertible {
  /// Faults; called in a child.
  func fault()

  /// What is wrong with how the child ended; nil when all is as it should be.
  func objection(to outcome: Outcome) -> String?
}

/// How a child ended.
struct Outcome {
  /// The exit code, or 256 and the signal.
  let end: Int32

  /// What it wrote to standard error.
  let said: String
}

extension Trial {
  /// Faults in a child.
  func outcome() -> Outcome {
    let pipe = Pipe()
    fflush(nil)
    let child = gb_fork()
    if child == 0 {
      dup2(pipe.fileHandleForWriting.fileDescriptor, 2)
      // A core for each trial would cost more than the trial.
      var none = rlimit()
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
      fault()
      _exit(0)
    }
    pipe.fileHandleForWriting.closeFile()
    let said = pipe.fileHandleForReading.readDataToEndOfFile()
    return Outcome(end: Children.status(of: child), said: String(decoding: said, as: UTF8.self))
  }
}

enum Children {
  /// How a child ended: its exit code, or 256 and the signal.
  static func status(of child: Int32) -> Int32 {
    var status: Int32 = 0
    while unsafe waitpid(child, &status, 0) != child {
      guard errno == EINTR else { return -1 }
    }
    return status & 0x7f == 0 ? (status >> 8) & 0xff : 256 + status & 0x7f
  }
}
