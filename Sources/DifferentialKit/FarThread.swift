// The other thread of the programs, which does one thing at a time while the first one waits.

import Dispatch
import Foundation

/// A thread that works for one other thread.
public final class FarThread: @unchecked Sendable {
  // SAFETY (@unchecked Sendable): the semaphores order all uses of `work` and `answer`; one thread
  // waits while the other one works.
  private let asked = DispatchSemaphore(value: 0)
  private let answered = DispatchSemaphore(value: 0)
  private var work: (() -> String)?
  private var answer = ""

  public init() {
    let thread = Thread { self.serve() }
    thread.start()
  }

  private func serve() {
    while true {
      asked.wait()
      answer = work?() ?? ""
      work = nil
      answered.signal()
    }
  }

  /// Has the other thread do something, and waits.
  func ask(_ work: () -> String) -> String {
    withoutActuallyEscaping(work) { work in
      self.work = work
      asked.signal()
      answered.wait()
      return answer
    }
  }
}
