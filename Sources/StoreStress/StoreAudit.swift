// Whether a store has what it said that it has: all of it, and nothing by halves.

import DaemonAPI
import Foundation
import Reports
import ResultStore
import StressKit

/// Compares a store with what a script was told.
struct StoreAudit {
  let store: ResultStore
  let script: StoreScript

  private struct JobRow {
    var state: String
    var session: String
  }

  private var sessions: Set<String> = []
  private var jobs: [Int: JobRow] = [:]
  private var messages: Set<String> = []
  private var samples: Set<Int> = []
  private var reports: [String: Int] = [:]

  /// Reads what is there.
  ///
  /// - Throws: `Finding` when the file is damaged, or the log of events has a gap.
  init(_ store: ResultStore, _ script: StoreScript) throws {
    self.store = store
    self.script = script
    try store.quickCheck()
    let dangling = try store.query("PRAGMA foreign_key_check").rows
    guard dangling.isEmpty else { throw Finding("rows that belong to none: \(dangling)") }
    sessions = Set(try store.query("SELECT uuid FROM session").rows.map { $0[0] })
    for row in try store.query("SELECT key, state, session FROM job").rows {
      if let number = Int(row[0]), script.steps.indices.contains(number - script.base) {
        jobs[number - script.base] = JobRow(state: row[1], session: row[2])
      }
    }
    samples = Set(try store.query("SELECT at_ns FROM daemon_sample").rows.compactMap { Int($0[0]) })
    for row in try store.query(
      """
      SELECT uuid, (SELECT count(*) FROM stress_class WHERE run_id = r.id)
        + (SELECT count(*) FROM stress_finding f JOIN stress_artefact a ON a.finding_id = f.id
           WHERE run_id = r.id)
      FROM stress_run r
      """
    ).rows { reports[row[0]] = Int(row[1]) }
    var last: Int?
    var page = try store.events(after: 0, limit: DaemonProtocol.pageMax)
    while !page.events.isEmpty {
      for event in page.events {
        if let last, event.seq != last + 1 {
          throw Finding("event \(event.seq) follows event \(last)")
        }
        last = event.seq
        messages.insert(event.message)
      }
      page = try store.events(after: page.next, limit: DaemonProtocol.pageMax)
    }
  }

  /// Whether the store has what a step wrote; nil when that cannot be seen.
  func has(_ number: Int) -> Bool? {
    switch script.steps[number] {
    case .session, .finish: sessions.contains(script.uuid(number))
    case .submit: jobs[number] != nil ? true : mayBePruned(job: number) ? nil : false
    case .begin, .event: hasMessage(number)
    case .sample:
      samples.contains(script.base + number) ? true : keepLeast(\.samplesKept) == nil ? false : nil
    case .stress: reports[script.uuid(number)] != nil
    case .pruneEvents, .pruneJobs, .pruneSamples, .checkpoint: nil
    }
  }

  private func hasMessage(_ number: Int) -> Bool? {
    if messages.contains(script.message(number)) { return true }
    guard let keep = keepLeast(\.eventsKept) else { return false }
    // Those that are left after so many others have come are the store's own affair.
    let later = script.kept.count { $0 > number && script.steps[$0].hasEvent }
    return later < keep ? false : nil
  }

  private func keepLeast(_ path: KeyPath<StoreStep, Int?>) -> Int? {
    script.kept.compactMap { script.steps[$0][keyPath: path] }.min()
  }

  private func mayBePruned(job: Int) -> Bool {
    guard let finish = script.kept.first(where: { script.steps[$0] == .finish(job: job) }) else {
      return false
    }
    return script.kept.contains { $0 > finish && script.steps[$0].jobsKept != nil }
  }

  /// Checks every step: what was acknowledged is there, what was refused is wholly there or not at
  /// all, and nothing else is.
  func check(_ fates: [Int: Fate]) throws {
    for number in script.steps.indices {
      let isThere = has(number)
      let step = "step \(number), \(script.steps[number])"
      switch fates[number] {
      case .acknowledged:
        guard isThere != false else { throw Finding("\(step): acknowledged, and not there") }
      case .refused: break
      case nil:
        guard isThere != true else { throw Finding("\(step): there, and never tried") }
      }
      try checkWhole(number, isThere == true, step)
    }
    for (number, row) in jobs { try check(job: number, row, fates) }
  }

  /// Checks what is never dropped of a script that was done long ago.
  func checkKept() throws {
    for number in script.steps.indices {
      switch script.steps[number] {
      case .session, .finish, .stress:
        let step = "step \(number), \(script.steps[number]), from before"
        guard has(number) == true else { throw Finding("\(step): it is not there any more") }
        try checkWhole(number, true, step)
      default: break
      }
    }
  }

  private func checkWhole(_ number: Int, _ isThere: Bool, _ step: String) throws {
    guard isThere else { return }
    if let record = script.record(number) {
      let found = try store.session(script.uuid(number))
      guard found == record else { throw Finding("\(step): the session is not the one appended") }
    }
    if case .stress = script.steps[number] {
      // Two classes, and two findings in each with two artefacts and a replay.
      let rows = reports[script.uuid(number)] ?? 0
      guard rows == 2 + 2 * 2 * 3 else { throw Finding("\(step): \(rows) of 14 rows are there") }
    }
  }

  /// A job's state is one that it was last said to have, and it is done exactly if its session is there.
  private func check(job: Int, _ row: JobRow, _ fates: [Int: Fate]) throws {
    var possible: Set<String> = ["queued"]
    var session: String?
    for number in script.kept {
      let state: String
      switch script.steps[number] {
      case .begin(job: job): state = "running"
      case .finish(job: job):
        state = "done"
        session = script.uuid(number)
      default: continue
      }
      switch fates[number] {
      case .acknowledged: possible = [state]
      case .refused: possible.insert(state)
      case nil: break
      }
    }
    let name = "the job of step \(job)"
    guard possible.contains(row.state) else {
      throw Finding("\(name) is \(row.state), not \(possible.sorted().joined(separator: " or "))")
    }
    let isStored = session.map(sessions.contains) ?? false
    guard (row.state == "done") == isStored, row.state != "done" || row.session == session else {
      throw Finding("\(name) is \(row.state), and its session is \(isStored ? "" : "not ")there")
    }
  }
}

extension StoreAudit {
  /// Opens a store in which something went wrong, now that nothing does, and checks it; then uses it.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - script: What was done to it.
  ///   - fates: What the script was told.
  ///   - before: The script whose content the store had before, if it had any.
  ///   - place: What findings begin with.
  /// - Throws: `Finding`, whatever went wrong.
  static func reopen(
    _ path: String, _ script: StoreScript, _ fates: [Int: Fate], before: StoreScript? = nil,
    _ place: String
  ) throws {
    do {
      let store = try ResultStore(path: path)
      try StoreAudit(store, script).check(fates)
      if let before { try StoreAudit(store, before).checkKept() }
      let record = script.content.record(
        script.base + script.steps.count, rows: 1, batches: 4)
      try store.append(record)
      guard try store.session(record.report.session) == record else {
        throw Finding("what is appended afterwards is not there")
      }
    } catch {
      throw Finding("\(place): \(error)")
    }
  }
}

extension StoreStep {
  fileprivate var hasEvent: Bool {
    switch self {
    case .submit, .begin, .finish, .event: true
    default: false
    }
  }

  /// Whether it drops what others wrote.
  var isPruning: Bool { eventsKept ?? jobsKept ?? samplesKept != nil }

  fileprivate var eventsKept: Int? {
    if case .pruneEvents(let keep) = self { keep } else { nil }
  }

  fileprivate var jobsKept: Int? {
    if case .pruneJobs(let keep) = self { keep } else { nil }
  }

  fileprivate var samplesKept: Int? {
    if case .pruneSamples(let keep) = self { keep } else { nil }
  }
}
