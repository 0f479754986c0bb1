// What was promised to the clients of a daemon that dies, to be compared with what it remembers.

import DaemonAPI
import Foundation
import Reports
import ResultStore
import StressKit
import Synchronization

/// Every submission, what was answered, and the last that was told of its job.
final class Ledger: Sendable {
  private struct Entry {
    var request: JobRequest

    /// nil between the question and its answer.
    var job: Int?
  }

  private struct State {
    var entries: [String: Entry] = [:]
    var told: [Int: Job] = [:]
    var faults: [String] = []
  }

  private let state = Mutex(State())

  /// Notes a submission that is about to be sent.
  func ask(_ key: String, _ request: JobRequest) {
    state.withLock { $0.entries[key] = Entry(request: request) }
  }

  /// Takes the answer to a submission.
  func acknowledge(_ key: String, _ job: Job) {
    state.withLock { state in
      if let known = state.entries[key]?.job, known != job.id {
        state.faults.append("\(key) was job \(known), and then job \(job.id)")
      }
      state.entries[key]?.job = job.id
      if state.entries[key]?.request.scenario.seed != job.request.scenario.seed {
        state.faults.append("job \(job.id) has another request than \(key)")
      }
      Self.tell(job, &state)
    }
  }

  /// Takes a job as the daemon shows it; what is final stays as it is.
  func tell(_ job: Job) { state.withLock { Self.tell(job, &$0) } }

  /// Takes the end of a job that somebody else may have submitted, who has not got his answer yet.
  ///
  /// Two who look at once are not told in order: only an end is told once and for all.
  func tellEnd(_ job: Job) {
    state.withLock { state in
      if job.state.isFinal, state.told[job.id] != nil { Self.tell(job, &state) }
    }
  }

  private static func tell(_ job: Job, _ state: inout State) {
    if let last = state.told[job.id], last.state.isFinal,
      (last.state, last.session) != (job.state, job.session)
    {
      state.faults.append("job \(job.id) was \(last.state) and is \(job.state)")
    }
    state.told[job.id] = job
  }

  /// How many submissions have no end that is known.
  var open: Int {
    state.withLock { state in
      state.entries.values.count { entry in
        guard let job = entry.job else { return true }
        return state.told[job]?.state.isFinal != true
      }
    }
  }

  var asked: Int { state.withLock { $0.entries.count } }

  /// Asks a daemon that has started anew for all that it has acknowledged, and submits again what got
  /// no answer: twice, and both times it has to be the same job.
  func settle(_ wire: Wire) throws {
    let entries = state.withLock { $0.entries }
    for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
      if let id = entry.job {
        let answer = try wire.ask("GET", "/v1/jobs/\(id)")
        guard answer.status == 200 else {
          throw Finding("job \(id) was acknowledged, and is answered with \(answer.status)")
        }
        acknowledge(key, try answer.decode())
      } else {
        acknowledge(key, try wire.accepted(entry.request, key: key))
        let again = try wire.submit(entry.request, key: key)
        guard again.status == 200 else {
          throw Finding("\(key), submitted again, is answered with \(again.status)")
        }
        acknowledge(key, try again.decode(Submission.self).job)
      }
    }
    try complain()
  }

  /// The last look: the daemon has nothing to do any more.
  func audit(_ wire: Wire) throws {
    try settle(wire)
    let jobs = try wire.allJobs()
    guard jobs.count == asked else {
      throw Finding("there are \(jobs.count) jobs of \(asked) submissions")
    }
    for job in jobs {
      let isWhole =
        switch job.state {
        case .done: job.session != nil && (job.exit == 0 || job.exit == 3)
        // Who begins anew does so three times.
        case .interrupted: job.interruptions > (job.request.resumes ? 3 : 0)
        default: false
        }
      guard isWhole else {
        throw Finding(
          "job \(job.id) ended as \(job.state), exit \(job.exit ?? -1), session "
            + "\(job.session ?? "none"): \(job.reason ?? "no reason")")
      }
    }
  }

  /// Compares the file with the jobs, once nobody has it open.
  func audit(file: String, jobs: [Job]) throws {
    let store = try ResultStore(path: file)
    try store.quickCheck()
    let sessions = try store.query("SELECT uuid FROM session").rows.map { $0[0] }
    let named = jobs.compactMap(\.session)
    guard Set(sessions) == Set(named), sessions.count == named.count else {
      throw Finding(
        "\(sessions.count) sessions are stored and \(named.count) are named by jobs; of no job: "
          + "\(Set(sessions).subtracting(named)), lost: \(Set(named).subtracting(sessions))")
    }
    for session in named {
      let record = try store.session(session)
      guard let job = jobs.first(where: { $0.session == session }),
        record.report.exit == job.exit || job.state == .interrupted,
        record.report.seed == job.request.scenario.seed, record.report.rows.count == 1
      else { throw Finding("session \(session) is of another run than its job") }
      let row = record.report.rows[0]
      guard row.status != .ok || row.blocks == job.request.scenario.blocks else {
        throw Finding("session \(session) has \(row.blocks) blocks, and says it is whole")
      }
    }
  }

  private func complain() throws {
    if let fault = state.withLock({ $0.faults.first }) { throw Finding(fault) }
  }
}
