// A worker process: reads requests from standard input, writes replies to standard output.

import CContexts
import Foundation
import Greenlets
import Reports

/// The program behind `greenbench worker`.
public enum WorkerService {
  /// Serves until `bye`, or until the runner closes the pipe.
  ///
  /// Stays on one CPU, ignores Ctrl-C (the runner decides what it means) and dies with the runner.
  ///
  /// - Parameter cpu: Which CPU; nil for the one that it is on.
  public static func serve(cpu: Int32? = nil) {
    signal(SIGINT, SIG_IGN)
    // Without it nobody learns who crashed; the crash itself is found all the same.
    _ = CrashReport.enable()
    gb_no_core()
    gb_die_with_parent()
    // Where that is refused, the kernel's counters tell of batches that moved.
    _ = cpu.map(gb_pin_to) ?? gb_pin_here()
    let worker = Worker()
    let encoder = JSONEncoder()
    let decoder = JSONDecoder()
    while let line = readLine() {
      let reply: ExecutorReply
      let request: ExecutorRequest
      do {
        request = try decoder.decode(ExecutorRequest.self, from: Data(line.utf8))
        reply = worker.answer(request)
      } catch {
        var refusal = ExecutorReply(id: 0)
        refusal.error = ExecutorFault(.malformed, "no request of this protocol; \(error)")
        send(refusal, encoder)
        continue
      }
      send(reply, encoder)
      if request.op == .bye { return }
    }
  }

  private static func send(_ reply: ExecutorReply, _ encoder: JSONEncoder) {
    do {
      var line = try encoder.encode(reply)
      line.append(UInt8(ascii: "\n"))
      try FileHandle.standardOutput.write(contentsOf: line)
    } catch {
      // Nobody reads any more: there is nobody to tell.
      exit(0)
    }
  }
}
