// Values that tests of the client send back and forth.

package import DaemonAPI
import Foundation
import Reports

package enum Sample {
  package static let status = DaemonStatus(
    pid: 42, state: .idle, queue: .init(queued: 0, paused: 0, running: nil, limit: 1000),
    workers: [.init(pid: 43, state: .idle, restarts: 0, groups: 7)], uptimeSeconds: 1.5,
    version: "0.1.0", commit: "abc", store: "/s/results.sqlite", lastEvent: 3,
    memory: .init(residentBytes: 1 << 20, descriptors: 12))

  package static let request = JobRequest(scenario: Scenario(workload: "ping-pong", seed: 7))

  package static func job(_ state: Job.State = .queued, exit: Int32? = nil) -> Job {
    Job(
      id: 5, state: state, client: "uid:1000", request: request, submittedUnixNanoseconds: 1,
      exit: exit)
  }

  package static let progress = JobProgress(
    phase: "measuring", workload: "ping-pong", backend: "native", group: 1, groups: 1, block: 2,
    blocks: 20)

  package static func event(_ seq: Int) -> DaemonEvent {
    DaemonEvent(
      seq: seq, at: "2026-01-01T00:00:00.000Z", kind: .jobStarted, job: 5, message: "job 5 began")
  }

  package static func json(_ value: some Encodable) throws -> String {
    String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
  }

  /// One event of a stream, as a server writes it.
  package static func frame(_ name: String, _ value: some Encodable, id: Int? = nil) throws
    -> String
  {
    (id.map { "id: \($0)\n" } ?? "") + "event: \(name)\ndata: \(try json(value))\n\n"
  }
}
